"""Validates a nested model, names what is wrong, and makes JSON and a schema of it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, computed_field, field_validator


class Item(BaseModel):
    name: Annotated[str, Field(pattern="^[a-z]+$")]
    price: Decimal = Field(gt=0)


class Order(BaseModel):
    kind: Literal["order"]
    when: datetime
    items: list[Item]

    @field_validator("when")
    @classmethod
    def _in_utc(cls, when: datetime) -> datetime:
        return when.astimezone(UTC)

    @computed_field
    def total(self) -> Decimal:
        return sum((item.price for item in self.items), Decimal(0))


text = '{"kind": "order", "when": "2024-01-02T03:04:05+01:00", "items": [{"name": "tea", "price": "1.10"}]}'
order = Order.model_validate_json(text)
assert order.when.hour == 2
assert order.model_dump(mode="json")["total"] == "1.10"
assert Order.model_json_schema()["properties"]["items"]["items"] == {"$ref": "#/$defs/Item"}
try:
    Order.model_validate({"kind": "bill", "when": 0, "items": [{"name": "Tea", "price": -1}]})
except ValidationError as error:
    assert [entry["loc"] for entry in error.errors()] == [("kind",), ("items", 0, "name"), ("items", 0, "price")]
else:
    raise AssertionError("nothing was found to be wrong")
assert TypeAdapter(dict[int, set[str]]).validate_python({"1": ["a", "a"]}) == {1: {"a"}}
