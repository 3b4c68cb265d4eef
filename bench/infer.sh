#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Times ONNX Runtime and fovea in turns at inference; see README.md. PEERS_PYTHON: python with the peers; FVBENCH: fovea's fvbench.
set -eu
exec "${PEERS_PYTHON:?set it to the python that has torch, torchvision and onnxruntime}" "$(dirname "$0")/compare.py" infer "$@"
