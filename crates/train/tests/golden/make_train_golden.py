"""Goldens of the optimizer, the schedules and the event file, from PyTorch, transformers and
TensorBoard. Run: python make_train_golden.py > train_golden.json"""

import io
import json
import platform

import tensorboard
import torch
import transformers
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

SEED = 7
torch.manual_seed(SEED)


def adamw():
    weights = torch.randn(16)
    start = weights.clone()
    parameter = torch.nn.Parameter(weights)
    optimizer = torch.optim.AdamW(
        [parameter], lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1
    )
    grads, values = [], []
    for _ in range(20):
        parameter.grad = torch.randn(16) * 0.3
        grads.append(parameter.grad.tolist())
        optimizer.step()
        values.append(parameter.detach().tolist())
    return {"start": start.tolist(), "grads": grads, "values": values}


def schedules():
    makers = {
        "constant": lambda o: transformers.get_constant_schedule_with_warmup(o, 5),
        "linear": lambda o: transformers.get_linear_schedule_with_warmup(o, 5, 40),
        "cosine": lambda o: transformers.get_cosine_schedule_with_warmup(o, 5, 40),
    }
    out = {}
    for name, make in makers.items():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-4)
        scheduler = make(optimizer)
        rates = []
        for _ in range(40):
            rates.append(scheduler.get_last_lr()[0])
            optimizer.step()
            scheduler.step()
        out[name] = rates
    return out


def event():
    return framed(summary_pb2.Summary.Value(tag="train/loss", simple_value=1.25))


def text_event():
    """As `SummaryWriter.add_text` writes it."""
    plugin = summary_pb2.SummaryMetadata.PluginData(plugin_name="text")
    shape = tensor_shape_pb2.TensorShapeProto(
        dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)]
    )
    tensor = tensor_pb2.TensorProto(
        dtype="DT_STRING", string_val=["**a**\n\nb é".encode()], tensor_shape=shape
    )
    metadata = summary_pb2.SummaryMetadata(plugin_data=plugin)
    return framed(
        summary_pb2.Summary.Value(tag="samples/0", metadata=metadata, tensor=tensor)
    )


def framed(value):
    summary = summary_pb2.Summary(value=[value])
    data = event_pb2.Event(wall_time=1700000000.5, step=300, summary=summary).SerializeToString()
    length = len(data).to_bytes(8, "little")
    frame = io.BytesIO()
    frame.write(length)
    frame.write(masked_crc32c(length).to_bytes(4, "little"))
    frame.write(data)
    frame.write(masked_crc32c(data).to_bytes(4, "little"))
    return frame.getvalue().hex()


print(
    json.dumps(
        {
            "provenance": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "transformers": transformers.__version__,
                "tensorboard": tensorboard.__version__,
                "seed": SEED,
                "command": "python make_train_golden.py > train_golden.json",
            },
            "adamw": adamw(),
            "schedules": schedules(),
            "event": event(),
            "text_event": text_event(),
        }
    )
)
