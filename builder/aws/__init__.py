"""The layer in AWS: published to regions, and functions on it. The builder needs none of this, nor boto3."""
