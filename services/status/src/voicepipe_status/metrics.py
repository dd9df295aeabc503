"""What this service counts; docs/metrics.md says what each means."""

from prometheus_client import Counter, Gauge

STREAMS = Gauge("voicepipe_event_streams", "Event streams that are open")
SENT = Counter("voicepipe_events_sent_total", "Events handed to clients", ["origin"])
DROPPED = Counter("voicepipe_event_streams_dropped_total", "Event streams closed because their client was too slow")
RESTARTS = Counter("voicepipe_event_hub_restarts_total", "Times the events were followed anew after they were lost")
COMMANDS = Counter("voicepipe_commands_written_total", "Commands written for clients", ["command"])
