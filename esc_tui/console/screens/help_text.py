"""What the help screen says: `# SECTION`, `TERM: MEANING`, and notes on a whole section."""

HELP = """\
# Link
state: ○ connecting, ● streaming, ‖ paused, ↻ reconnecting, ◐ draining (all has been read, the rest is under way), ✓ \
done, ✗ failed
on air: time since the stream began
stream: what is streamed, and the other end; whether the link is encrypted stands above. The socket buffer is what \
the system grants to this end's socket, which may be more than was asked for
model: the codec model's name and fingerprint, which are equal at both ends; streams in use, of how many: a stream \
is one quantizer level, 1.5 kbps
chunk: length of a chunk / its overlap with the next one, in ms, and how chunks are joined
progress: how much of the sound has been sent or saved, and how long the rest will take
# Bitrate, kbps (1000 bit/s)
payload: the codes alone: in the last second, on average over the stream, and in total in kB
wire: all that passes the connection: codes, frame headers, control messages
nominal: what the streams in use make: 1.5 kbps each
Charts begin at 0; above them stand their top and the time they cover, the newest at the right. Where a cell covers \
several seconds, it shows the highest of them; a duration is shown until the next chunk comes.
# Latency, ms
→ stage: from the moment a chunk's last sample was captured to the end of the stage: of the newest chunk, and the \
median (p50) and 95th percentile (p95) of the last 60 s
round trip: from a ping to its answer
clock offset: how far the other end's clock is ahead; latencies across the link are corrected by it
# Codec, ms
encode: time to encode (sender) or decode (receiver) a chunk
RTF: real-time factor: processing time ÷ duration of the sound; below 1 is faster than real time
CPU, memory: of this process: percent of one core in the last second; resident memory
# Queues
now: chunks, or ms of sound, that wait before the stage of that name
highest: the most that ever waited there, ┃ on the bar
limit: the most that may wait; then the stage before it waits, or a live source drops the oldest
The bar turns to warning at 80 %. The stage behind the fullest queue is the slow one.
# Chunks
read … acked: how far chunks have come; acked ones will never be asked for again
in flight: sent and not yet acknowledged
silent: sent as silence, one byte each
resent: sent again after a reconnection
received … saved: how far chunks have come at the receiver
dropped, lost: what a live source could not keep up with
refused: chunks that came twice or out of place
# Player, ms
buffer: sound that waits to be played, and how much the player aims at
underruns: how often sound came too late to be played, and filled: the silence that stood for it
dry: how often the device itself ran out of sound, because this machine was too busy
skipped: sound that was left out, because it was too old to be played
ppm: drift: how much faster (+) or slower (−) the device's clock runs than the sender's
# Sound, dBFS
meter: level from −60 to 0 dBFS; ┃ is the recent peak; CLIP counts samples at full scale
a → b: level before and after enhancement (noise suppression, automatic gain); as is: enhancement is bypassed
picture: loudness by time and pitch, low tones at the bottom. New sound is drawn at the cursor, which runs from left \
to right and begins again: the same sound stands at the same place in both panes
# Keys
q: quit; asks while a stream runs, and a second time quits at once
p  m: pause or resume; send or play silence
e: send the sound as it is, or enhanced again (where the sender was started with --enhance)
+  −: one stream more or less, from the next chunk on
9  0: play more softly, louder
[  ]: the receiver's other streams
tab  1 2 3: go to a pane
z  w: zoom the pane; 60, 120 or 300 s of the past
/  f  c: find in events; filter them by severity; copy those that are shown
s  r: save a picture (SVG) or the session's report (JSON) in the current folder
t  ctrl+p: theme; all commands
"""
