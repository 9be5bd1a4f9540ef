"""The decision rule of a plan: how a measurement meets a limit (JCGM 106, ILAC-G8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from bench.quantities import Ratio

Word = Literal["simple", "guarded"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision rule.

    `simple`: the value itself must keep the limit. `guarded`: it must keep it by `r` times its expanded uncertainty.
    `risk`: the probability of deciding wrongly must be no more than `risk`: of a `specific` measurement, or on average
    over all pumps (`global`), of which a share of `in_tolerance` keeps the limit, or the worst share there can be.
    """

    SIMPLE: ClassVar[Decision]
    GUARDED: ClassVar[Decision]

    rule: Literal["simple", "guarded", "risk"]
    r: float = 1.0
    risk: float = 0.0
    kind: Literal["specific", "global"] = "specific"
    in_tolerance: float | None = None

    def __str__(self) -> str:
        if self.rule == "risk":
            known = "" if self.in_tolerance is None else f", {100.0 * self.in_tolerance:g} % of pumps in tolerance"
            return f"risk {100.0 * self.risk:g} % ({self.kind}{known})"
        if self.rule == "guarded" and self.r != 1.0:
            return f"guarded, r = {self.r:g}"
        return self.rule


Decision.SIMPLE = Decision("simple", r=0.0)
Decision.GUARDED = Decision("guarded")


class DecisionKeys(BaseModel):
    """A decision rule with its figures: `{rule: guarded, r: 0.83}` or `{risk: 2 %, kind: global}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Literal["simple", "guarded", "risk"] | None = Field(
        default=None, description="may be left out where `r` or `risk` tells it"
    )
    r: Annotated[float, Field(gt=0.0, le=3.0)] | None = Field(
        default=None, description="guard band of `guarded`, in terms of U: w = r U", examples=[0.83]
    )
    risk: Ratio | None = Field(
        default=None, description="largest probability of a wrong decision, below 50 %", examples=["2 %"]
    )
    kind: Literal["specific", "global"] = Field(
        default="specific",
        description="of this very measurement, or of a false acceptance over all pumps, between two limits",
    )
    in_tolerance: Ratio | None = Field(
        default=None,
        description="of a global risk: share of pumps that keep the limit, before any is measured; without it the worst"
        " there can be",
        examples=["95 %"],
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        rule = self.named
        if rule != "guarded" and self.r is not None:
            raise ValueError(f"`r` belongs to the rule `guarded`, not to `{rule}`: leave one of them out")
        if rule == "risk":
            self._check_risk()
        elif self.risk is not None:
            raise ValueError(f"`risk` belongs to the rule `risk`, not to `{rule}`: leave one of them out")
        elif "kind" in self.model_fields_set or self.in_tolerance is not None:
            raise ValueError("`kind` and `in_tolerance` belong to a risk: write `risk: 2 %` beside them")
        return self

    def _check_risk(self) -> None:
        if self.risk is None:
            raise ValueError("how much risk? write `risk: 2 %`")
        if not 0.0 < self.risk.to("%") < 50.0:
            raise ValueError(f"a risk lies above 0 % and below 50 %, not at {self.risk}; 50 % is what `simple` takes")
        if self.in_tolerance is None:
            return
        if self.kind != "global":
            raise ValueError("`in_tolerance` belongs to a global risk: write `kind: global`, or leave it out")
        if not 1.0 <= self.in_tolerance.to("%") < 100.0:
            raise ValueError(
                f"`in_tolerance` lies between 1 % and just below 100 %, not at {self.in_tolerance}:"
                " where nothing is out of tolerance nothing can be accepted wrongly"
            )

    @property
    def named(self) -> Literal["simple", "guarded", "risk"]:
        """The rule, told by its figures where it is not named."""
        if self.rule is not None:
            return self.rule
        if self.risk is not None:
            return "risk"
        return "guarded"

    def decision(self) -> Decision:
        """Return the rule."""
        match self.named:
            case "simple":
                return Decision.SIMPLE
            case "guarded":
                return Decision("guarded", r=1.0 if self.r is None else self.r)
        risk = 0.0 if self.risk is None else self.risk.to("%") / 100.0
        known = None if self.in_tolerance is None else self.in_tolerance.to("%") / 100.0
        return Decision("risk", r=0.0, risk=risk, kind=self.kind, in_tolerance=known)


def _form(value: Any) -> str:
    return "keys" if isinstance(value, dict | DecisionKeys) else "word"


DecisionField = Annotated[
    Annotated[Word, Tag("word")] | Annotated[DecisionKeys, Tag("keys")],
    Discriminator(_form),
    Field(description="how a value meets its limit: `simple`, `guarded`, or a mapping with their figures"),
]


def decision_of(read: Word | DecisionKeys) -> Decision:
    """Return the decision rule that a plan's `decision:` stands for."""
    if isinstance(read, DecisionKeys):
        return read.decision()
    return Decision.SIMPLE if read == "simple" else Decision.GUARDED
