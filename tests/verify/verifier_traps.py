r"""Pairs for what a rule may drop or take for granted: what stands after a number, which side of an
equation is the answer, which unit of the same quantity. Found by attacking the rules by hand.

One row: (gold, accepted answers, refused answers), as in tests/verify/verifier_kinds.py.
"""

Row = tuple[str, list[str], list[str]]

TRAPS: dict[str, list[Row]] = {
    "prefixes_of_units": [
        (
            r"3\text{ MeV}",
            ["3", r"3\,\mathrm{MeV}", "3 MeV"],
            [r"3\text{ keV}", r"3\text{ meV}", r"3\text{ GeV}", r"3\text{ eV}", r"3\text{ MHz}"],
        ),
        (r"5\text{ nm}", [r"5\text{ nanometers}"], [r"5\text{ m}", r"5\text{ mm}", r"5\text{ km}"]),
        (r"5\text{ ms}", [r"5\text{ milliseconds}"], [r"5\text{ s}", r"5\text{ ns}"]),
        (r"5\text{ kW}", [r"5\text{ kilowatts}"], [r"5\text{ MW}", r"5\text{ W}", r"5\text{ mW}"]),
        (
            r"5\text{ m/s}",
            [
                r"5\text{ meters per second}",
                r"5\ \frac{\text{m}}{\text{s}}",
                r"5\text{ m s}^{-1}",
                r"5\,\mathrm{m\,s^{-1}}",
                r"5\ \text{m}/\text{s}",
            ],
            [r"5\text{ km/h}", r"5\text{ m}", r"5\text{ s}", r"5\text{ m/s}^2", r"5\text{ m s}"],
        ),
    ],
    "temperatures": [
        (
            r"20^\circ\text{C}",
            [r"20^\circ C", "20", r"20^\circ", r"20\text{ degrees Celsius}"],
            [r"20^\circ\text{F}", r"20^\circ F", r"20\text{ degrees Fahrenheit}", r"20\%"],
        ),
    ],
    "words_among_units": [
        (
            r"5\text{ dollars}",
            [r"5\text{ dollars each}", "5"],
            [r"5\text{ cents each}", r"5\text{ cents}", r"5\text{ dollars}\text{ hundred}"],
        ),
        (
            "12",
            [
                r"12\text{ different ways}",
                r"12\text{ units squared}",
                r"12\text{ rad/s}",
                r"12\text{ per day}",
                r"12\ \text{kg m}^2/\text{s}^2",
                r"12\text{ kWh}",
            ],
            [
                r"12\text{ gross}",
                r"12\text{ at most}",
                r"12\text{ bn}",
                r"12\text{M}",
                r"12\text{ lakh}",
                r"12\text{ quadrillion}",
                r"12\text{ fewer}",
                r"12\text{ ln}",
                r"12\text{ thirteenths}",
                r"12\text{ millionths}",
                r"12\text{ twentieths}",
                r"12\text{ per thousand}",
                r"12\text{ per mille}",
                r"12\text{ hundred thousand}",
                r"12\text{ false}",
                r"12\text{ cm}\text{ thousand}",
            ],
        ),
        ("12000000000", [r"12\text{ bn}", r"12\text{ billion}"], []),
        ("5", [], [r"5\text{ tenths}", r"5\text{ to}", r"5\text{ or}", "5 in 6", "5 out of 6"]),
    ],
    "unsolved_equations": [
        (
            "5",
            ["x=5", "5=x", "m+n=5", "f(2)=5", "x=2+3=5", r"\angle A=5", r"\sin x = 5", "a_5=5"],
            [
                "2x=5",
                "x^2=5",
                "-x=5",
                r"\sqrt{x}=5",
                r"\frac{x}{2}=5",
                "x!=5",
                "2^x=5",
                "5=x+1",
                "x-5=0",
                r"x\equiv5\pmod7",
            ],
        ),
        (r"(3,4]", [r"x \in (3,4]"], ["-x=(3,4]"]),
        ("x^2+1", ["y=x^2+1"], ["-x=x^2+1", "x^2=x^2+1"]),
        ("x+y+z=0", ["z+y+x=0", "2x+2y+2z=0", "x+y=-z"], ["0", "x+y+z", "z=0", "x+y-z=0"]),
        ("x^2+y^2=13", ["13=y^2+x^2"], ["13", "x^2+y^2", r"x^2+y^2\le13"]),
    ],
    "names_of_coordinates": [
        (
            "(3,4)",
            ["x=3,y=4", "y=4, x=3", "(x,y)=(3,4)", r"x=3\text{ and }y=4"],
            ["y=3,x=4", "(y,x)=(3,4)", "x=4,y=3"],
        ),
        ("(2,7)", ["n=2, k=7"], ["n=7, k=2"]),
    ],
    "ellipses": [
        ("0.3", [], [r"0.3\ldots", "0.3...", "0.3…"]),
        (
            r"(-\infty,2)\cup(3,\infty)",
            [],
            [r"(-\infty,2)\cup(3,\infty),\ldots", r"(-\infty,2)\cup(3,\infty),\dots"],
        ),
        (
            r"1,2,\ldots,10",
            [r"1,2,\dots,10", "1,2,...,10"],
            [r"1,2,\ldots,11", "1,2,10", r"1,3,\ldots,10"],
        ),
    ],
    "and_or_ratios_and_zeros": [
        (
            r"x>3\text{ or }x<-3",
            [r"x<-3\text{ or }x>3"],
            [r"x>3\text{ and }x<-3", "x>3", r"x<3\text{ or }x>-3"],
        ),
        ("12", [], ["12:1:1"]),
        ("1,000", ["1000", "1{,}000"], [r"\{1,0\}", "1,0", "1"]),
        (r"x \in [-2,7]", ["[-2,7]", r"-2\le x\le7"], [r"x\in(-2,7]", r"x\in[-2,7)"]),
    ],
    "derivatives": [
        (
            r"I \frac{d \omega}{d t}+2 B \omega=T",
            [r"2B\omega + I\frac{d\omega}{dt} = T", r"T = I \frac{d \omega}{d t}+2 B \omega"],
            [
                r"2I \frac{d \omega}{d t}+2 B \omega=T",
                r"2 B \omega=T",
                r"I \frac{d \theta}{d t}+2 B \omega=T",
                r"-I \frac{d \omega}{d t}+2 B \omega=T",
            ],
        ),
        (r"\frac{dx}{dt}=3x", [r"3x = \frac{dx}{dt}", "3x"], ["x^2=3x", r"\frac{dx}{dt}=2x"]),
    ],
    "bases_in_brackets": [
        ("776_8", ["(776_8)", r"\left(776_{8}\right)"], ["(776_9)", "(77_8)", "(776_8, 1)"]),
    ],
    "decisions_of_taste": [
        ("1011_2", ["1011", r"(1011)_{\text{two}}"], ["1011_3", "11"]),
        ("1011", [], ["1011_2"]),
        ("5000000", [r"5\text{ million}"], ["5", r"5\text{ billion}"]),
        ("5", [r"5\text{ km}", "x=5"], [r"5\text{ million}", r"5\text{ dozen}"]),
        (r"9\text{ a.m.}", ["9", "9:00 AM"], [r"9\text{ p.m.}"]),
        ("y'", [r"y^{\prime}"], ["y", "y''"]),
        (r"0.56 = 56\%", ["0.56", r"56\%"], [r"0.56 = 57\%"]),
        ("-1,3,3", ["3,-1,3"], ["-1,3", r"\{-1,3\}"]),
        (r"\{1,4\}", [r"\{4,1,1\}"], ["1,4,4"]),
        (r"5\text{ m}", ["5"], [r"5\text{ km}"]),
        ("7.2", [r"7.2\%"], [r"0.72\%"]),
        ("0.072", [r"7.2\%"], [r"0.72\%"]),
        ("x=5", ["5"], ["z=5"]),
        ("y=2x+1", ["2x+1"], ["x=2y+1"]),
        ("x+y=5", ["2x+2y=10"], ["5", "x+y"]),
        ("(1,2)", ["1,2", r"\{1,2\}"], ["(2,1)", "[1,2]"]),
        ("70,110", ["70110", "110, 70"], ["70"]),
        ("abc", ["cab"], ["abd"]),
        (r"\text{A, B}", ["A, B"], ["B, A"]),
        ("4:30", [r"\frac{2}{15}"], ["4:35"]),
        ("1/3", ["0.33333333"], ["0.333"]),
        (r"\frac{200}{3}", [], ["66.67"]),
    ],
    "font_switches": [
        (
            "7",
            [r"{\bf 7}", r"\bf 7", r"{\rm 7}", r"\bm 7", r"\boldsymbol 7", r"\mathbf 7", "7\\\\"],
            [r"\bm{7}8", r"7\phantom{0}0", r"\bf 8", r"\mathbf{7}\mathbf{8}"],
        ),
        (r"\text{1:03 PM}", ["1:03pm", "1:03 p.m."], ["1:03am"]),
    ],
}
