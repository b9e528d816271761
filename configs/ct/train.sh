#!/usr/bin/env bash
# Reads what driftd asks for, trains, and reports back how it went. Every pipeline of
# this folder calls it; the training itself is retrain.py, and that is yours.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
driftd() { python3 "$here/driftd_payload.py" "$@"; }

# DRIFTD_ID, DRIFTD_MODEL, DRIFTD_WINDOW_START, DRIFTD_WINDOW_END, DRIFTD_PREDICTIONS, …
# What cannot be read ends here, with the reason.
variables=$(driftd env)
eval "$variables"
driftd show

ended() {
    local code=$?
    # A report that does not get through does not spoil the training.
    if [ "$code" -eq 0 ]; then
        driftd report succeeded "trained on $DRIFTD_WINDOW_START to $DRIFTD_WINDOW_END" || :
    else
        driftd report failed "the training ended with exit code $code" || :
    fi
}
trap ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

driftd report running || :

# ── yours from here: whatever trains a model on the rows named above ──────────────────
python3 "${TRAIN:-$here/retrain.py}"
