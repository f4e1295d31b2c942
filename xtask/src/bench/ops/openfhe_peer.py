"""The peer of `bench ops --peers`: OpenFHE, one line of JSON on stdout for each line on stdin, as the example `ops --serve` of he-core answers.

{"setup": {"log_n": .., "limbs": .., "bits": .., "dnum": ..}} makes parameters and keys; {"time": {"op": .., "runs": N}} runs an operation and gives
the time of one; {"precision": op} decrypts what an operation gives. {"build": null} says how the library was built.
"""

import json
import math
import os
import sys
import time

import openfhe as fhe

HOISTED = 16


def primes(node):
    """The ring's primes, from the serialised context: every {"cm": {"v": p}} below a list "p"."""
    if isinstance(node, dict):
        modulus = node.get("cm", {})
        if isinstance(modulus, dict) and isinstance(modulus.get("v"), int):
            yield modulus["v"]
        for child in node.values():
            yield from primes(child)
    elif isinstance(node, list):
        for child in node:
            yield from primes(child)


class Bench:
    def __init__(self, shape):
        n = self.n = 1 << shape["log_n"]
        parameters = fhe.CCParamsCKKSRNS()
        # The ring is chosen here; log QP is printed beside ours.
        parameters.SetSecurityLevel(fhe.HEStd_NotSet)
        parameters.SetRingDim(n)
        parameters.SetBatchSize(n // 2)
        parameters.SetMultiplicativeDepth(shape["limbs"] - 1)
        parameters.SetFirstModSize(60)
        parameters.SetScalingModSize(shape["bits"])
        parameters.SetScalingTechnique(fhe.FIXEDMANUAL)
        parameters.SetKeySwitchTechnique(fhe.HYBRID)
        parameters.SetNumLargeDigits(shape["dnum"])
        parameters.SetCKKSDataType(fhe.COMPLEX)
        context = self.context = fhe.GenCryptoContext(parameters)
        for feature in (fhe.PKE, fhe.KEYSWITCH, fhe.LEVELEDSHE):
            context.Enable(feature)
        self.keys = context.KeyGen()
        context.EvalMultKeyGen(self.keys.secretKey)
        context.EvalRotateKeyGen(self.keys.secretKey, list(range(1, HOISTED + 1)))
        self.slots = [complex(math.sin(i), math.cos(i)) for i in range(n // 2)]
        plain = context.MakeCKKSPackedPlaintext(self.slots)
        self.a = context.Encrypt(self.keys.publicKey, plain)
        self.b = context.Encrypt(self.keys.publicKey, plain)
        self.limbs, self.dnum = shape["limbs"], shape["dnum"]

    def describe(self):
        chain = set(primes(json.loads(fhe.Serialize(self.context, fhe.JSON))))
        if len(chain) != self.limbs:
            raise RuntimeError(f"expected {self.limbs} primes, found {len(chain)}")
        log_q = sum(math.log2(p) for p in chain)
        key = self.context.GetEvalMultKeyVector(self.keys.secretKey.GetKeyTag())[0]
        size = len(fhe.Serialize(key, fhe.BINARY))
        # Two polynomials a digit, eight bytes a residue, next to nothing else.
        special = size // (16 * self.dnum * self.n) - self.limbs
        return {
            "log_q": log_q,
            # Its special primes have 60 bits.
            "log_qp": log_q + 60 * special,
            "special": special,
            "key_bytes": {"disk": size},
        }

    def run(self, op):
        c = self.context
        if op == "rotate":
            return c.EvalRotate(self.a, 1)
        if op == "mul":
            return c.Rescale(c.EvalMult(self.a, self.b))
        if op == "rotate_hoisted":
            digits = c.EvalFastRotationPrecompute(self.a)
            for k in range(1, HOISTED + 1):
                last = c.EvalFastRotation(self.a, k, 2 * self.n, digits)
            return last
        raise RuntimeError(f"no operation {op}")

    def time(self, op, runs):
        wall, cpu = time.perf_counter(), time.thread_time()
        for _ in range(runs):
            self.run(op)
        cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
        count = runs * (HOISTED if op == "rotate_hoisted" else 1)
        return {"wall_ms": wall * 1e3 / count, "cpu_ms": cpu * 1e3 / count}

    def precision(self, op):
        plain = self.context.Decrypt(self.keys.secretKey, self.run(op))
        plain.SetLength(self.n // 2)
        found, z = plain.GetCKKSPackedValue(), self.slots
        by = {"rotate": 1, "rotate_hoisted": HOISTED}.get(op)
        wanted = [x * x for x in z] if by is None else z[by:] + z[:by]
        squares = sum(abs(x - y) ** 2 for x, y in zip(found, wanted))
        return {"precision_bits": -0.5 * math.log2(squares / len(z))}


def build():
    """What the library is, and which vector instructions are in it."""
    folder = os.path.join(os.path.dirname(fhe.__file__), "lib")
    core = os.path.join(folder, "libOPENFHEcore.so.1")
    return {"library": core, "threads": os.environ.get("OMP_NUM_THREADS")}


def main():
    bench = None
    for line in sys.stdin:
        ((request, given),) = json.loads(line).items()
        if request == "build":
            reply = build()
        elif request == "setup":
            if bench is not None:
                bench = None
                fhe.ClearEvalMultKeys()
                fhe.CryptoContext.ClearEvalAutomorphismKeys()
                fhe.ReleaseAllContexts()
            bench = Bench(given)
            reply = bench.describe()
        elif request == "time":
            reply = bench.time(given["op"], given["runs"])
        else:
            reply = bench.precision(given)
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
