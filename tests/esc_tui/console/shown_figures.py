"""What a pane's cells show, read back from the screen, beside what the engine's own report says."""

import math
import re
from collections.abc import Iterator
from typing import Any

from esc_tui.console.panes.stream import StreamPane
from esc_tui.console.widgets.pane_title import PaneTitle
from esc_tui.console.widgets.stream_section import StreamSection

NUMBER = re.compile(r"\d+:\d\d(?::\d\d)?|[−+]?\d+(?:\.\d+)?|–")
NO_FIGURE = re.compile(r"p50|p95|\S+\.(?:wav|esc)\S*|\S+:\d{4,5}|\b[0-9a-f]{4}·[0-9a-f]{4}")
CHARTS = ("BITRATE", "LATENCY", "CODEC")
Rows = dict[tuple[str, str], list[float]]
"""By section and row, the numbers that stand there, in their order."""


def number(cell: str) -> float:
    """The value of a number as the console writes it; minutes and seconds in seconds."""
    if ":" in cell:
        seconds = 0
        for part in cell.split(":"):
            seconds = seconds * 60 + int(part)
        return seconds
    return math.nan if cell == "–" else float(cell.replace("−", "-"))


def agrees(cell: str, value: float) -> bool:
    """Whether the cell is `value`, rounded (a time: cut) to the digits that are shown."""
    if ":" in cell:
        return number(cell) == int(value)
    if cell == "–" or math.isnan(value):
        return cell == "–" and math.isnan(value)
    decimals = len(cell.partition(".")[2])
    return abs(number(cell) - value) <= 0.5 * 10**-decimals + 1e-9


def lines(pane: StreamPane) -> Iterator[tuple[str, str]]:
    """Each line of the pane's screen with the name of its section."""
    yield "TITLE", pane.query_one(PaneTitle).render_line(0).text
    for section in pane.query(StreamSection):
        texts = [section.render_line(y).text for y in range(section.size.height)]
        heading = re.match(r"[A-Z]{3,}", texts[0]) if texts else None
        for text in texts:
            yield heading[0] if heading else "LINK", text


def differences(pane: StreamPane, report: dict[str, Any]) -> list[str]:
    """Every line of the pane whose numbers are not those of the report, and every number that is not shown."""
    rows, wrong, shown = expected(report), [], list(lines(pane))
    for section, text in shown:
        cells = NUMBER.findall(NO_FIGURE.sub("", text))
        key = next((key for key in rows if key[0] == section and text.startswith(key[1])), None)
        if key is not None:
            values = rows.pop(key)
            if len(cells) != len(values) or not all(map(agrees, cells, values)):
                wrong.append(f"{section}: {text.strip()}: the report says {values}")
        elif text.startswith(tuple(CHARTS)):
            highest = max(filter(math.isfinite, chart_values(section, report)), default=0.0)
            if cells[:2] != ["60", "0"][: len(cells)] or not all(
                highest <= float(top) <= 2 * highest for top in cells[2:]
            ):
                wrong.append(f"{section}: {text.strip()}: the highest value is {highest}")
        elif section != "CHUNKS" and cells:
            wrong.append(f"{section}: {text.strip()}: what is this?")
    wrong += counter_differences(" ".join(text for section, text in shown if section == "CHUNKS"), report["chunks"])
    return wrong + [f"{key} is not shown" for key in rows]


def chart_values(section: str, report: dict[str, Any]) -> list[float]:
    """Everything that a section's charts are scaled to."""
    if section == "BITRATE":
        return [report["nominal_kbps"], *report["payload"]["history_kbps"], *report["wire"]["history_kbps"]]
    durations = report["latencies"] if section == "LATENCY" else [report["codec"]["duration"]]
    return [known(value) for duration in durations for value in duration["history_ms"]]


def counter_differences(text: str, counters: dict[str, int]) -> list[str]:
    """The counters that are not shown with their count, and how many numbers are too many."""
    names = {name: {"acknowledged": "acked"}.get(name, name.replace("_", " ")) for name in counters}
    wrong = [f"{names[name]}: not {n}" for name, n in counters.items() if not re.search(rf"{names[name]} +{n}\b", text)]
    return wrong + ([] if len(NUMBER.findall(text)) == len(counters) else ["CHUNKS has other numbers"])


def expected(report: dict[str, Any]) -> Rows:
    """The numbers that an ended stream's pane has to show, from its report."""
    rows: Rows = {("TITLE", ""): [report["on_air_s"]]}
    rows["LINK", "stream"] = [report["socket_buffer_bytes"]]
    rows["LINK", "model"] = [report[name] for name in ("num_streams", "max_streams", "chunk_ms", "overlap_ms")]
    rows["LINK", "progress"] = [report["progress"] * 100, report["audio_s"], report["total_s"]]
    for name in ("payload", "wire"):
        rate = report[name]
        rows["BITRATE", name] = [rate["now_kbps"], rate["average_kbps"], rate["total_bytes"] / 1000]
    rows["BITRATE", "nominal"] = [report["nominal_kbps"]]
    for latency in report["latencies"]:
        if latency["count"] or latency["name"] != "heard":
            rows["LATENCY", f"→ {latency['name']}"] = recent(latency)
    rows["LATENCY", "round trip"] = [*recent(report["round_trip"]), known(report["clock_offset_ms"])]
    codec, process = report["codec"], report["process"]
    duration = codec["duration"]
    rows["CODEC", duration["name"]] = recent(duration)
    rows["CODEC", "RTF"] = [known(codec["rtf_now"]), known(codec["rtf_average"]), process["cpu_percent"]]
    rows["CODEC", "RTF"].append(scaled(process["resident_bytes"]))
    for queue in report["queues"]:
        rows["QUEUES", queue["name"]] = [queue["depth"], queue["high_water"], queue["capacity"]]
    return rows | summary(report)


def summary(report: dict[str, Any]) -> Rows:
    """The performance statistics."""
    rows: Rows = {}
    for duration in filter(lambda duration: duration["count"], (report["codec"]["duration"], report["send"])):
        figures = [known(duration[name]) for name in ("average_ms", "minimum_ms", "maximum_ms")]
        rows["SUMMARY", duration["name"]] = [*figures, duration["total_s"]]
    chunks = report["chunks"]
    count = chunks.get("sent", chunks.get("received"))
    payload, wire = report["payload"]["total_bytes"], report["wire"]["total_bytes"]
    for name, size in (("payload", payload), ("wire", wire)):
        rows["SUMMARY", name] = [scaled(size), count, size / count]
    pcm_bytes = report["audio_s"] * report["sample_rate"] * 2
    rows["SUMMARY", "efficiency"] = [payload / wire * 100, pcm_bytes / wire]
    return rows


def scaled(size: float) -> float:
    """A number of bytes in the unit in which it has at most three digits before the point."""
    return size if size < 1000 else scaled(size / 1000)


def recent(duration: dict[str, Any]) -> list[float]:
    """Now, median and 95th percentile."""
    return [known(duration[name]) for name in ("now_ms", "p50_ms", "p95_ms")]


def known(value: float | None) -> float:
    """The value; nan where it was not measured."""
    return math.nan if value is None else value
