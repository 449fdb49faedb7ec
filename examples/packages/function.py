"""Checks an order with pydantic, which is in the layer."""

from pydantic import BaseModel, PositiveInt


class Order(BaseModel):
    item: str
    count: PositiveInt = 1


def handler(event, context):
    return Order.model_validate(event).model_dump()
