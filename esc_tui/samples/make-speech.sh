#!/usr/bin/env bash
# Makes speech.flac, the speech sample of the demo and the tests: three synthetic speakers, 16 kHz, mono.
# Needs flite (Debian: flite) and sox with FLAC (Debian: sox).
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

flite -voice slt -o "$work/1.wav" -t "Good morning. You are listening to a neural codec at nine kilobits per second."
flite -voice rms -o "$work/2.wav" -t "Every second of this speech crosses the link as eleven hundred bytes."
flite -voice awb -o "$work/3.wav" -t "The quick brown fox jumps over the lazy dog, and nobody hears a seam."
for voice in 1 2 3; do
    sox "$work/$voice.wav" -r 16000 "$work/$voice-level.wav" norm -6 pad 0.1 0.1
done
sox "$work"/[123]-level.wav -b 16 -c 1 speech.flac
