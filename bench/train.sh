#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Times PyTorch and fovea in turns at training; see README.md. PEERS_PYTHON: python with the peers; FVBENCH: fovea's fvbench.
set -eu
exec "${PEERS_PYTHON:?set it to the python that has torch, torchvision and onnxruntime}" "$(dirname "$0")/compare.py" train "$@"
