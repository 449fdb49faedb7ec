"""Publishes the layer to AWS regions and deploys functions on it. The builder needs none of this, nor boto3."""
