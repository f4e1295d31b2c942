"""The peer of `bench bootstrap --peers`: OpenFHE's bootstrapping of so many full complex slots, as one line of JSON on stdout.

Arguments: slots, levels that are to be left, runs. Its own security standard chooses the ring; the secret is sparse and encapsulated, scaling is
flexible, transforms take four levels each way.
"""

import json
import math
import os
import random
import resource
import sys
import time

import openfhe as fhe

BUDGET = [4, 4]
# 59 bits, its examples' choice, do not fit this many levels into the ring of 2^16 at 128 bits; 50 do.
SCALE_BITS = 50


def make(slots, levels):
    parameters = fhe.CCParamsCKKSRNS()
    distribution = fhe.SPARSE_ENCAPSULATED
    parameters.SetSecretKeyDist(distribution)
    parameters.SetSecurityLevel(fhe.HEStd_128_classic)
    parameters.SetScalingTechnique(fhe.FLEXIBLEAUTO)
    parameters.SetScalingModSize(SCALE_BITS)
    parameters.SetFirstModSize(SCALE_BITS + 5)
    parameters.SetCKKSDataType(fhe.COMPLEX)
    parameters.SetBatchSize(slots)
    depth = levels + fhe.CryptoContext.GetBootstrapDepth(BUDGET, distribution)
    parameters.SetMultiplicativeDepth(depth)
    context = fhe.GenCryptoContext(parameters)
    for feature in (fhe.PKE, fhe.KEYSWITCH, fhe.LEVELEDSHE, fhe.ADVANCEDSHE, fhe.FHE):
        context.Enable(feature)
    context.EvalBootstrapSetup(BUDGET, [0, 0], slots)
    keys = context.KeyGen()
    context.EvalMultKeyGen(keys.secretKey)
    context.EvalBootstrapKeyGen(keys.secretKey, slots)
    return context, keys, depth


def disc(rng):
    """A point of the square that ours are of: its corners have size 1."""
    side = math.sqrt(0.5)
    return complex(rng.uniform(-side, side), rng.uniform(-side, side))


def main():
    slots, levels, runs = map(int, sys.argv[1:4])
    context, keys, depth = make(slots, levels)
    rng = random.Random(1)

    def once(values):
        plain = context.MakeCKKSPackedPlaintext(values, 1, depth - 1, None, slots)
        given = context.Encrypt(keys.publicKey, plain)
        wall, cpu = time.perf_counter(), time.thread_time()
        out = context.EvalBootstrap(given)
        cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
        back = context.Decrypt(keys.secretKey, out)
        back.SetLength(slots)
        worst = max(abs(a - b) for a, b in zip(back.GetCKKSPackedValue(), values))
        return wall, cpu, -math.log2(worst), depth - out.GetLevel() - (out.GetNoiseScaleDeg() - 1)

    found = [once([disc(rng) for _ in range(slots)]) for _ in range(runs + 1)]
    constant = [once([value] * slots)[2] for value in (1 + 0j, complex(-0.5, 0.5), 0j)]
    middle = lambda values: sorted(values)[len(values) // 2]
    print(json.dumps({
        "slots": slots,
        "log_n": int(math.log2(context.GetRingDimension())),
        "scale_bits": SCALE_BITS,
        "depth": depth,
        "levels_left": found[0][3],
        # The first one is ours' too: it is not counted.
        "seconds": middle([run[0] for run in found[1:]]),
        "cpu_seconds": middle([run[1] for run in found[1:]]),
        "runs": runs,
        "worst_bits_random": min(run[2] for run in found),
        "worst_bits_constant": min(constant),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
    }))


main()
