"""What an experiment's link opens in MLflow: the run table with the columns that matter, and charts
of entropy, reward and scores instead of one per metric.

MLflow keeps columns and charts in the reader's browser, and lets nobody set them for all readers,
except for a link that was shared: its state is an experiment tag, `mlflow.sharedViewState.<key>`,
which `?viewStateShareKey=<key>` reads. This is that tag. A page without the key opens as ever. A
shared view cannot unfold parent runs, so an arm has curves of its own, the means of its seeds.
"""

from collections.abc import Iterable, Sequence
from typing import Any

VIEW_KEY = "entropy"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW_KEY}"
NOTE_TAG = "mlflow.note.content"
SECTION = "Entropy, reward, score"
TRAINING_CURVES = ("entropy", "reward")
MOST_SCORES = 3  # benchmarks with a column and a chart


def view_address(experiment: str) -> str:
    """Relative to MLflow's address. `experiment`: MLflow's id."""
    return f"#/experiments/{experiment}/runs?viewStateShareKey={VIEW_KEY}"


def opening_note(question: str, experiment: str) -> str:
    """The description of an experiment, in Markdown."""
    return f"{question}\n\n[Scores, entropy and flags]({view_address(experiment)})".strip()


def opening_view(metrics: Iterable[str], benchmarks: Sequence[str]) -> dict[str, Any]:
    """The state of MLflow's run page. `metrics`: names of all metrics of the experiment's runs."""
    names = set(metrics)
    shown = benchmarks[:MOST_SCORES]
    scores = [name for each in shown if (name := f"{each}/pass_at_1") in names]
    charts = [
        *(line_chart(name) for name in TRAINING_CURVES if name in names),
        *(bar_chart(name) for name in scores),
    ]
    others = {name.partition("/")[0] for name in names if "/" in name}
    rest = [*sorted(others - {"system"}), "Model metrics", "System metrics"]
    return {
        "selectedColumns": [
            *(f"metrics.`{name}`" for name in (*scores, "final_entropy")),
            *(f"tags.`{name}`" for name in ("verdict", "flags")),
        ],
        "compareRunCharts": charts,
        "compareRunSections": [
            chart_section(SECTION, True),
            *(chart_section(name, False) for name in rest),
        ],
        "isAccordionReordered": True,
        "viewMaximized": False,
        "runListHidden": False,
        "runsHiddenMode": "SHOW_ALL",
        "hideEmptyCharts": True,
    }


def chart_section(name: str, is_open: bool) -> dict[str, Any]:
    return {
        "uuid": f"section {name}",
        "name": name,
        "display": is_open,
        "isReordered": True,
        "deleted": False,
        "isGenerated": True,
    }


def line_chart(metric: str) -> dict[str, Any]:
    """A metric over rollouts."""
    return chart("LINE", metric) | {
        "selectedMetricKeys": [metric],
        "lineSmoothness": 0,
        "scaleType": "linear",
        "xAxisScaleType": "linear",
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "range": {},
        "ignoreOutliers": False,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }


def bar_chart(metric: str) -> dict[str, Any]:
    return chart("BAR", metric)


def chart(kind: str, metric: str) -> dict[str, Any]:
    return {
        "type": kind,
        "uuid": f"chart {metric}",
        "metricKey": metric,
        "displayName": metric,
        "metricSectionId": f"section {SECTION}",
        "runsCountToCompare": 10,
        "deleted": False,
        "isGenerated": True,
    }
