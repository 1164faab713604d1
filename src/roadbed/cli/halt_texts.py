"""What the terminal says of a halt."""

from __future__ import annotations

from typing import Any


def halted_text(halt: Any) -> str:
    """A halt or drill with its times and what was under way."""
    what = "Drill of" if halt.kind == "drill" else "Halted"
    fenced, quiesced = halt.fenced_seconds, halt.quiesced_seconds
    lines = [f"{what} {halt.use_case}: fenced after {fenced * 1000:,.0f} ms"]
    if quiesced is None:
        lines[0] += "; NOT quiesced yet, an effect is still under way"
    else:
        lines[0] += f", quiesced after {quiesced * 1000:,.0f} ms"
    lines += [
        f"  under way when fenced: {item['kind']} to {item['destination']}, "
        f"{item['delivery']}, task {item['task']}"
        for item in halt.in_flight
    ]
    if not halt.in_flight:
        lines.append("  no effect was under way")
    if halt.kind != "drill":
        lines.append(
            f"  to go on, two people say `roadbed resume {halt.use_case}`, or agree in the console"
        )
    return "\n".join(lines)


def resumed_text(halt: Any) -> str:
    """What came of asking to resume."""
    if halt.resumed_at is None:
        return (
            f"{halt.resume_asked_by} asked to resume {halt.use_case}. It stays halted until a "
            "second person agrees."
        )
    return f"{halt.use_case} goes on: {halt.resume_asked_by} and {halt.resumed_by} agreed."
