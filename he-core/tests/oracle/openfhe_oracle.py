"""What OpenFHE makes of fixed inputs, as JSON on stdout.

stdin: {"log_n": .., "a": [[re, im], ..], "b": [[re, im], ..], "rotations": [k, ..]}
stdout: {"library": .., "ring": N, "encoding": [[re, im], ..], "sum": [[re, im], ..], "product": .., "plain_product": .., "rotations": [.., ..], "conjugate": ..}

Every value is encoded, encrypted, computed on and decrypted by OpenFHE alone. Insecure parameters: a comparison, no protection.
"""

import json
import sys

import openfhe as fhe


def main():
    job = json.load(sys.stdin)
    n = 1 << job["log_n"]
    a, b = ([complex(*z) for z in job[name]] for name in "ab")

    parameters = fhe.CCParamsCKKSRNS()
    parameters.SetSecurityLevel(fhe.HEStd_NotSet)
    parameters.SetRingDim(n)
    parameters.SetBatchSize(n // 2)
    parameters.SetMultiplicativeDepth(2)
    parameters.SetFirstModSize(60)
    parameters.SetScalingModSize(45)
    parameters.SetScalingTechnique(fhe.FIXEDMANUAL)
    parameters.SetCKKSDataType(fhe.COMPLEX)
    context = fhe.GenCryptoContext(parameters)
    for feature in (fhe.PKE, fhe.KEYSWITCH, fhe.LEVELEDSHE, fhe.ADVANCEDSHE):
        context.Enable(feature)
    keys = context.KeyGen()
    context.EvalMultKeyGen(keys.secretKey)
    context.EvalRotateKeyGen(keys.secretKey, job["rotations"])
    conjugation = context.EvalAutomorphismKeyGen(keys.secretKey, [2 * n - 1])

    def opened(ciphertext):
        plain = context.Decrypt(keys.secretKey, ciphertext)
        plain.SetLength(n // 2)
        return [[z.real, z.imag] for z in plain.GetCKKSPackedValue()]

    plain_b = context.MakeCKKSPackedPlaintext(b)
    x = context.Encrypt(keys.publicKey, context.MakeCKKSPackedPlaintext(a))
    y = context.Encrypt(keys.publicKey, plain_b)
    result = {
        "library": "OpenFHE",
        "ring": context.GetRingDimension(),
        "encoding": opened(x),
        "sum": opened(context.EvalAdd(x, y)),
        "product": opened(context.Rescale(context.EvalMult(x, y))),
        "plain_product": opened(context.Rescale(context.EvalMult(x, plain_b))),
        "rotations": [opened(context.EvalRotate(x, k)) for k in job["rotations"]],
        "conjugate": opened(context.EvalAutomorphism(x, 2 * n - 1, conjugation)),
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
