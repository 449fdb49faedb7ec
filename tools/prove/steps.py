"""Further steps of the engine, for what does not ship: the sources of a product with its patches, by another recipe.

They go through the store like any other: by a key over all that they are made of, each under a lock, whole or not at
all.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from builder.console import Terminal
from builder.executors.host import Host
from builder.plan.steps import Compile, Step
from builder.platform import make_platform, this_machine
from builder.product import Product
from builder.recipes import Recipe
from builder.repository import Repository, load_repository
from builder.run import BuildContext, run_plan
from builder.store import Store


@dataclass(frozen=True)
class Workshop:
    """What steps are made and carried out with."""

    cache: Path
    terminal: Terminal
    jobs: int
    store: Store
    repository: Repository

    def roles(self, product: Product) -> dict[str, Step]:
        """The steps to a product for this machine, by role."""
        platform = make_platform(this_machine().lambda_name)
        return {step.role: step for step in self.repository.plan(product, platform)}

    def step(
        self,
        product: Product,
        name: str,
        recipe: Recipe,
        scripts: Mapping[str, str] | None = None,
        values: Mapping[str, str] | None = None,
    ) -> Step:
        """The step that carries out a recipe on a product's sources and patches.

        Without ``scripts`` the compiler is the product's. ``values`` are what else the result depends on.
        """
        roles = self.roles(product)
        interpreter = roles["cpython"]
        work = interpreter.work
        assert isinstance(work, Compile)
        used = work.wrappers if scripts is None else scripts
        described = {f"recipe's {field.name}": _sha256(repr(getattr(recipe, field.name))) for field in fields(recipe)}
        return replace(
            interpreter,
            name=f"{name}-of-{interpreter.name}",
            role=name,
            work=replace(work, recipe=recipe, wrappers=used, profile=None),
            inputs=tuple(roles[role] for role in ("toolchain", *recipe.needs)),
            values={**interpreter.values, **described, "wrappers": _sha256(repr(used)), **(values or {})},
        )

    def run(self, *steps: Step) -> tuple[Path, ...]:
        """Where the results are, from the store or made now; they are not pruned as long as this workshop lives."""
        compiler = self.store.result(next(each for each in steps[0].inputs if each.role == "toolchain"))
        host = Host(self.cache, compiler, self.jobs)
        return run_plan(steps, BuildContext(self.cache, self.store, host, self.terminal))


def workshop(cache: Path, terminal: Terminal, jobs: int) -> Workshop:
    """The workshop in a cache folder."""
    return Workshop(cache, terminal, jobs, Store(cache), load_repository())


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
