#!/bin/sh
# Makes the callers' recordings of this folder: 8 kHz, mono, 16-bit WAV.
# Needs flite and sox, which the product itself does not. Usage: ./record.sh [voice]
set -eu
cd "$(dirname "$0")"
voice=${1:-slt}

say() { # NAME WORDS: what one caller says, with 300 ms of quiet before and 400 ms after it
    flite -voice "$voice" -t "$2" -o "$1.tmp.wav"
    sox -R "$1.tmp.wav" -r 8000 -c 1 -b 16 "$1.wav" gain -n -6 pad 0.3 0.4
    rm "$1.tmp.wav"
}

say hello "hello good morning"
say opening-hours "when are you open on saturday"
say opening-hours-sunday "are you open on sunday"
say prices "how much does a check up cost"
say book-tuesday-ten "i would like to book a check up on tuesday at ten"
say book-thursday-four "please book me a cleaning on thursday at four in the afternoon"
say book-friday-nine "can i have an appointment on friday at nine"
say confirm "yes please book it"
say decline "no thank you"
say do-not-book "no please do not book it"
say tooth-pain "what should i do about tooth pain"
say parking "sorry stop please where can i park my car"
say about "tell me something about the practice"
say children "do you also treat small children"
say cancel "i have to cancel my appointment"
say person "can i speak to a real person"
say repeat "could you say that again please"
say goodbye "thank you very much goodbye"
