"""Metrics of status; docs/metrics.md describes them."""

from prometheus_client import Counter, Gauge

STREAMS = Gauge("voicepipe_event_streams", "Open event streams")
SENT = Counter("voicepipe_events_sent_total", "Events sent to clients", ["origin"])
DROPPED = Counter("voicepipe_event_streams_dropped_total", "Event streams closed because the client was too slow")
PLAYERS = Gauge("voicepipe_audio_streams", "Recordings on their way to players")
STALLED = Counter("voicepipe_audio_streams_stalled_total", "Recordings cut off because their player took nothing")
RESTARTS = Counter("voicepipe_event_hub_restarts_total", "Times the event consumer was recreated")
CHANGES = Counter("voicepipe_changes_total", "Changes made for users and operators", ["change"])
