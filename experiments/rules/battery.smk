# All probes with the same arms, on one scorecard. Each probe is the whole Snakefile as a module, so
# that the jobs of all probes are one graph and share the cores.

from eval.files.code_digest import code_digest
from experiments.battery.battery_file import (
    asked_battery,
    battery_hash,
    is_battery_asked,
    write_battery,
)
from experiments.workflow.config import results_folder

BATTERY = None
if workflow.modifier.is_main_snakefile() and is_battery_asked(sys.argv[1:]):
    with exit_with_message():
        BATTERY = asked_battery(config)
        BATTERY_FOLDER = results_folder(config) / "battery"
        MEMBERS = write_battery(BATTERY, BATTERY_FOLDER)

if BATTERY:
    PASSED_ON = {
        key: value
        for key, value in config.items()
        if key in ("gpus", "processes", "launch", "retries")
    }

    for member in MEMBERS:
        PROBE = member.prefix

        module:
            name: PROBE
            snakefile:
                "../../Snakefile"
            config:
                {**PASSED_ON, "experiment": member.file, "results": str(BATTERY_FOLDER)}

        use rule * from PROBE exclude tracked, sweep, certificate, battery as PROBE*

    LAYOUTS = [workflow.globals[member.prefix].LAYOUT for member in MEMBERS]

    rule battery_report:
        """The scorecard: a table, a picture, and the page with both."""
        input:
            [layout.run_marks(layout.runs) for layout in LAYOUTS],
        output:
            f"{BATTERY_FOLDER}/report.{CHECKSUMS}",
            page=f"{BATTERY_FOLDER}/report.html",
        log:
            f"{BATTERY_FOLDER}/report.log",
        conda:
            "environment.yaml"
        params:
            folder=subpath(output.page, parent=True),
            digest=[battery_hash(BATTERY), code_digest("analysis.battery")],
        shell:
            "python -m analysis.battery {params.folder:q} > {log:q} 2>&1"

    rule battery:
        """All probes with the same arms, their reports, and the scorecard."""
        input:
            rules.battery_report.output,
            [f"{layout.root}/report.html" for layout in LAYOUTS],
            [[*layout.analysis_marks.values()] for layout in LAYOUTS],

else:

    rule battery:
        """All probes with the same arms, their reports, and the scorecard."""
        input:
            [],
