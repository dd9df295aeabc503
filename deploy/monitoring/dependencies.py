"""What the services rely on: servers, the controller, and the cluster."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from .panels import THIRD, Query, add_row, board, graph, up_and_down
from .queries import selected, whole

_OURS = 'component!=""'
# cAdvisor also counts the pod's own cgroup and its pause container.
_CONTAINERS = 'container!="", container!="POD"'


def dependencies() -> Dashboard:
    built = board(
        "voicepipe-dependencies",
        "Voicepipe: dependencies",
        "PostgreSQL, NATS, object store and models as the services see them; the controller; the pods.",
    )
    _servers(built)
    _controller(built)
    _pods(built)
    return built


def _servers(built: Dashboard) -> None:
    add_row(
        built,
        "Servers",
        up_and_down(
            "Dependencies, as each component sees them",
            "down: at least one pod of the component cannot use it.",
            Query(
                f"min by (dependency, component) ({selected('voicepipe_dependency_up')})",
                "{{dependency}} from {{component}}",
            ),
        ),
        up_and_down(
            "Metrics of the pods",
            "down: Prometheus cannot scrape at least one pod.",
            Query(f"min by (component) ({selected('up', _OURS)})", "{{component}}"),
        ),
        graph(
            "Age of the oldest message in the outbox",
            "Above a minute: NATS accepts no messages, or the controller does not relay them.",
            "s",
            Query(whole("voicepipe_outbox_oldest_seconds"), "age"),
        ),
        up_and_down(
            "Sandbox of the decoder",
            "missing: at least one prepare worker decodes without this measure. `user` takes effect only in workers that run as root.",
            Query(f"min by (measure) ({selected('voicepipe_decoder_confinement')})", "{{measure}}"),
            good="in effect",
            bad="missing",
        ),
    )


def _controller(built: Dashboard) -> None:
    add_row(
        built,
        "Controller",
        graph(
            "Time since the last success of each task",
            "Below a minute while the controller works.",
            "s",
            Query(f"time() - {whole('voicepipe_controller_last_pass_timestamp_seconds', 'task')}", "{{task}}"),
        ),
        graph(
            "Dead letters",
            "Until an operator redrives or discards them.",
            "short",
            Query(whole("voicepipe_dead_letters", "stage"), "{{stage}}"),
        ),
    )


def _pods(built: Dashboard) -> None:
    add_row(
        built,
        "Pods: metrics of Kubernetes",
        graph(
            "Memory",
            "The working set of each container, which its limit applies to.",
            "bytes",
            Query(
                f"sum by (pod, container) ({selected('container_memory_working_set_bytes', _CONTAINERS)})",
                "{{pod}} {{container}}",
            ),
            width=THIRD,
        ),
        graph(
            "Processor cores in use",
            "By container.",
            "short",
            Query(
                "sum by (pod, container) "
                f"(rate({selected('container_cpu_usage_seconds_total', _CONTAINERS)}[$__rate_interval]))",
                "{{pod}} {{container}}",
            ),
            width=THIRD,
        ),
        graph(
            "Container restarts, last hour",
            "Our services wait for missing servers instead of restarting, so every restart has another cause.",
            "short",
            Query(
                f"sum by (pod, container) (increase({selected('kube_pod_container_status_restarts_total')}[1h])) > 0",
                "{{pod}} {{container}}",
            ),
            width=THIRD,
        ),
    )
