"""Features of the first images of an IDX file by torchvision's networks on the CPU: what `velum extract` is measured against.

Prints one JSON object. The time runs from opening the images to the last feature, without importing torch and reading weights,
as velum's does. The batch size is the fastest of three on the first images.
"""

import argparse
import gzip
import json
import struct
import time

import torch
import torchvision
from torch.nn import functional as F

# Networks whose convolutions torchvision keeps in `features`.
WITH_FEATURES = ("squeezenet1_0", "mobilenet_v2")


def images(path, count):
    opened = gzip.open(path) if path.endswith(".gz") else open(path, "rb")
    with opened as stream:
        magic, total, height, width = struct.unpack(">IIII", stream.read(16))
        assert magic == 0x803, magic
        count = min(count, total)
        values = bytearray(stream.read(count * height * width))
    return torch.frombuffer(values, dtype=torch.uint8).view(count, 1, height, width)


def weights(path):
    if path.endswith(".pth"):
        return torch.load(path, map_location="cpu", weights_only=True)
    with open(path, "rb") as stream:
        header = json.loads(stream.read(struct.unpack("<Q", stream.read(8))[0]))
        data = bytearray(stream.read())
    types = {"F32": torch.float32, "I64": torch.int64}
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            flat = torch.frombuffer(data[start:end], dtype=types[entry["dtype"]])
            found[name] = flat.view(entry["shape"])
    return found


def network(name, path):
    model = getattr(torchvision.models, name)(weights=None)
    head = "classifier." if name in WITH_FEATURES else "fc."
    fit = model.load_state_dict(
        {k: v for k, v in weights(path).items() if not k.startswith(head)}, strict=False
    )
    missing = [
        k
        for k in fit.missing_keys
        if not k.startswith(head) and not k.endswith("num_batches_tracked")
    ]
    assert not missing and not fit.unexpected_keys, fit
    model.eval()
    if name in WITH_FEATURES:
        return lambda x: model.features(x).mean((2, 3))
    model.fc = torch.nn.Identity()
    return model


def run(model, path, count, batch):
    found = []
    with torch.inference_mode():
        for part in images(path, count).split(batch):
            x = part.float() / 255
            x = F.interpolate(x, size=224, mode="bilinear", align_corners=False)
            found.append(model(x.expand(-1, 3, -1, -1)))
    return torch.cat(found)


def timed(*arguments):
    start = time.perf_counter()
    features = run(*arguments)
    return time.perf_counter() - start, features


parser = argparse.ArgumentParser()
parser.add_argument("--arch", required=True)
parser.add_argument("--weights", required=True)
parser.add_argument("--draw", action="store_true", help="only write random weights")
parser.add_argument("--images")
parser.add_argument("--count", type=int)
parser.add_argument("--threads", type=int)
parser.add_argument("--out")
given = parser.parse_args()
if given.draw:
    torch.manual_seed(0)
    torch.save(getattr(torchvision.models, given.arch)(weights=None).state_dict(), given.weights)
    raise SystemExit
torch.set_num_threads(given.threads)
model = network(given.arch, given.weights)
run(model, given.images, 16, 4)
batch = min((4, 16, 64), key=lambda b: timed(model, given.images, min(given.count, 64), b)[0])
seconds, features = timed(model, given.images, given.count, batch)
features.contiguous().numpy().astype("<f4").tofile(given.out)
print(
    json.dumps(
        {
            "images_per_second": len(features) / seconds,
            "batch": batch,
            "torch": torch.__version__,
        }
    )
)
