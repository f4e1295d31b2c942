//! PNG and JPEG files, recognised by their content and decoded whole or not at all.
//!
//! An alpha channel is dropped, an orientation tag and a colour profile are ignored, as
//! torchvision's folder loader does. A JPEG that ends early, or whose data do not decode, is a bad
//! picture: decoders for browsers fill the rest with grey.
//!
//! Memory: a PNG takes its samples without alpha (at most 6 bytes a pixel) and a few lines; an
//! interlaced one its samples with alpha (at most 8 bytes a pixel); a JPEG its file, at most
//! 256 MB, and up to 9 bytes a pixel. For the largest picture, of
//! [`MAX_PIXELS`](crate::MAX_PIXELS), that is at most 0.9 GB.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;

use png::{BitDepth, ColorType, Transformations};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::picture::{MAX_SIDE, Samples, allowed_sizes, size_is_allowed};
use crate::{Channels, Error, Picture};

/// The largest JPEG file read; one of 67 million pixels seldom takes a quarter of it.
const MAX_JPEG_BYTES: u64 = 1 << 28;

/// Decodes a picture file.
///
/// # Errors
/// [`Error::BadPicture`] for whatever is wrong with this file alone, reading it included.
pub(super) fn decode(path: &Path) -> Result<Picture, Error> {
    decoded(path).map_err(|what| Error::bad_picture(path.display(), what.expected, what.found))
}

/// Why a file is no picture.
struct Refusal {
    expected: String,
    found: String,
}

impl Refusal {
    fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// What a decoder, or the system, says.
    fn by(error: impl std::fmt::Display) -> Self {
        Self::new("a PNG or JPEG picture", error.to_string())
    }
}

fn decoded(path: &Path) -> Result<Picture, Refusal> {
    let unread = |error: std::io::Error| Refusal::new("a file that can be read", error.to_string());
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(path).map_err(unread)?;
    if !metadata.is_file() {
        let found = match metadata.is_dir() {
            true => "a folder",
            false => "a pipe or a device",
        };
        return Err(Refusal::new("a file", found));
    }
    let mut file = BufReader::new(File::open(path).map_err(unread)?);
    let start = file.fill_buf().map_err(unread)?;
    if start.starts_with(b"\x89PNG") {
        return png_picture(file);
    }
    if start.starts_with(&[0xff, 0xd8]) {
        if metadata.len() > MAX_JPEG_BYTES {
            let found = format!("{} bytes", metadata.len());
            return Err(Refusal::new(
                format!("at most {MAX_JPEG_BYTES} bytes"),
                found,
            ));
        }
        let mut bytes = Vec::new();
        let mut file = file.take(MAX_JPEG_BYTES);
        file.read_to_end(&mut bytes).map_err(unread)?;
        return jpeg_picture(&whole_jpeg(&bytes)?);
    }
    Err(Refusal::by(kind(start)))
}

/// What a file that is neither PNG nor JPEG is, by its first bytes.
fn kind(start: &[u8]) -> &'static str {
    let known: [(&[u8], &str); 9] = [
        (b"GIF8", "a GIF"),
        (b"BM", "a BMP"),
        (b"II*\0", "a TIFF"),
        (b"MM\0*", "a TIFF"),
        (b"RIFF", "a WebP, or another RIFF file"),
        (b"%PDF", "a PDF"),
        (
            b"version https://git-lfs",
            "a pointer of Git LFS, not the file itself",
        ),
        (b"<", "a text in HTML or XML"),
        (
            b"\0\0\0",
            "a HEIC, AVIF or video file, or one full of zeros",
        ),
    ];
    let named = known.iter().find(|(magic, _)| start.starts_with(magic));
    match named {
        Some((_, name)) => name,
        None if start.is_empty() => "an empty file",
        None => "neither, by its first bytes",
    }
}

fn checked(size: [usize; 2]) -> Result<[usize; 2], Refusal> {
    match size_is_allowed(size[0], size[1]) {
        true => Ok(size),
        false => {
            let found = format!("{} x {}", size[0], size[1]);
            Err(Refusal::new(allowed_sizes(), found))
        }
    }
}

fn png_picture(from: impl BufRead + Seek) -> Result<Picture, Refusal> {
    // What the decoder itself may take: a few lines, and chunks that are passed over.
    let limits = png::Limits { bytes: 1 << 24 };
    let mut decoder = png::Decoder::new_with_limits(from, limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let header = decoder.read_header_info().map_err(Refusal::by)?;
    let size = checked([header.height as usize, header.width as usize])?;
    let interlaced = header.interlaced;
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(Refusal::by)?;
    let (colour, depth) = reader.output_color_type();
    let (channels, stored) = match colour {
        ColorType::Grayscale => (Channels::One, 1),
        ColorType::GrayscaleAlpha => (Channels::One, 2),
        ColorType::Rgb => (Channels::Three, 3),
        ColorType::Rgba => (Channels::Three, 4),
        ColorType::Indexed => return Err(Refusal::by("a palette that does not unfold")),
    };
    let pixels = size[0] * size[1];
    let mut samples = match depth {
        BitDepth::Sixteen => Samples::U16(Vec::with_capacity(pixels * channels.count())),
        _ => Samples::U8(Vec::with_capacity(pixels * channels.count())),
    };
    if interlaced {
        let mut all = vec![0; reader.output_buffer_size().unwrap_or(0)];
        reader.next_frame(&mut all).map_err(Refusal::by)?;
        append(&mut samples, &all, stored, channels);
    } else {
        while let Some(row) = reader.next_row().map_err(Refusal::by)? {
            append(&mut samples, row.data(), stored, channels);
        }
    }
    Picture::of(size, channels, samples).map_err(|found| Refusal::new("whole rows", found))
}

/// Appends pixels of `stored` samples (16-bit ones big-endian), without alpha.
fn append(samples: &mut Samples, bytes: &[u8], stored: usize, channels: Channels) {
    let kept = channels.count();
    match samples {
        Samples::U8(to) => {
            let pixels = bytes.chunks_exact(stored);
            pixels.for_each(|pixel| to.extend_from_slice(&pixel[..kept]));
        }
        Samples::U16(to) => {
            let pixels = bytes.chunks_exact(2 * stored);
            for pixel in pixels {
                let (words, _) = pixel[..2 * kept].as_chunks::<2>();
                to.extend(words.iter().map(|&word| u16::from_be_bytes(word)));
            }
        }
        Samples::F32(_) => {}
    }
}

fn jpeg_picture(bytes: &[u8]) -> Result<Picture, Refusal> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(MAX_SIDE)
        .set_max_height(MAX_SIDE);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(Refusal::by)?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    let size = checked([height, width])?;
    let (channels, out) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (Channels::One, ColorSpace::Luma),
        _ => (Channels::Three, ColorSpace::RGB),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(out));
    let samples = decoder.decode().map_err(Refusal::by)?;
    Picture::of(size, channels, Samples::U8(samples))
        .map_err(|found| Refusal::new("whole rows", found))
}

/// The segments of a JPEG file from its start to its end marker, without what lies between
/// segments and behind the end: readers pass over it, the strict decoder does not.
fn whole_jpeg(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let cut = || Refusal::new("a whole JPEG picture", "the end of the file in its middle");
    let mut clean = Vec::with_capacity(bytes.len());
    clean.extend_from_slice(&bytes[..2]);
    let mut at = 2;
    let mut scans = 0;
    loop {
        // Up to the next marker: an ff, and a byte that is neither a stuffed zero nor a filling ff.
        let rest = bytes.get(at..).unwrap_or_default();
        let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff);
        at += rest.windows(2).position(is_marker).ok_or_else(cut)?;
        let marker = bytes[at + 1];
        let mut end = at + 2;
        if !matches!(marker, 0x01 | 0xd0..=0xd9) {
            let length = bytes.get(end..end + 2).ok_or_else(cut)?;
            end += usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
        }
        if marker == 0xda {
            scans += 1;
            let is_end =
                |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff | 0xd0..=0xd7);
            let data = bytes.get(end..).ok_or_else(cut)?;
            end += data.windows(2).position(is_end).ok_or_else(cut)?;
        }
        clean.extend_from_slice(bytes.get(at..end).ok_or_else(cut)?);
        if marker == 0xd9 && scans > 0 {
            return Ok(clean);
        }
        at = end;
    }
}

#[cfg(test)]
mod tests;
