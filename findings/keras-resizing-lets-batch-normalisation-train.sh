#!/usr/bin/env bash
# One would guess: a network of Keras that is called, `model(images)`, does inference, as `predict` does, unless somebody
# says `training=True`; and a layer that only resizes images has no say in what other layers do.
#
# What happens: layers for images have `training=True` as the default of their `call`, the certain ones (Resizing) like
# the random ones, and a functional network records that in their nodes. The first of them that is called sets it for the
# rest of the same call: batch normalisation behind a Resizing normalises by the batch at hand, and even changes its
# moving means, by being asked; dropout in a network inside the network drops. Without the Resizing neither does.
# `predict` is right. Building with `Resizing(...)(x, training=False)` mends it.
#
# Seen with keras 3.15.1 on jax 0.10.2 (with tensorflow 2.21.0 as well), Python 3.11.
# Source: Layer.__call__ and _resolve_and_populate_arg of Keras, and the signature of BaseImagePreprocessingLayer.call.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
KERAS_HOME="$folder" KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax
import keras
import numpy as np
from keras import layers

print(f"keras {keras.__version__}, jax {jax.__version__}, numpy {np.__version__}")
images = np.random.default_rng(0).uniform(0, 1, (16, 8, 8, 1)).astype("float32")


def built(first):
    vector = keras.Input((36,))
    head = keras.Model(vector, layers.Dropout(0.5)(vector), name="head")
    source = keras.Input((8, 8, 1))
    x = layers.Flatten()(first(source))
    normal = layers.BatchNormalization(name="normal")
    return keras.Model(source, normal(x)), keras.Model(source, head(x))


def seen(name, first):
    normalised, dropped = built(first)
    expected = normalised.predict(images, verbose=0)
    means = np.array(normalised.get_layer("normal").moving_mean)
    apart = float(np.abs(np.asarray(normalised(images)) - expected).max())
    moved = float(np.abs(np.array(normalised.get_layer("normal").moving_mean) - means).max())
    zeros = float((np.asarray(dropped(images)) == 0).mean())
    print(f"{name}: call and predict differ by {apart:.3f}, the moving mean moved by {moved:.4f}, {zeros:.0%} dropped")
    return apart > 0.1, moved > 0, zeros > 0.2


crop = seen("a slice first", lambda x: x[:, 1:7, 1:7])
resizing = seen("Resizing first", layers.Resizing(6, 6))
told = seen("Resizing(...)(x, training=False) first", lambda x: layers.Resizing(6, 6)(x, training=False))
if (crop, resizing, told) != ((False,) * 3, (True,) * 3, (False,) * 3):
    raise SystemExit("this is not what was seen before")
PYTHON
