//! Slots that nobody should find again.

use num_complex::Complex64;
use zeroize::Zeroize;

/// Overwrites slots with zeros: decrypted ones and their ciphertext together give the key.
pub fn wipe_slots(slots: &mut [Complex64]) {
    for z in slots {
        z.re.zeroize();
        z.im.zeroize();
    }
}
