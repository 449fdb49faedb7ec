"""Two functions on the layer: ``cdk deploy``; needs aws-cdk-lib in the Python that runs this."""

from pathlib import Path

from aws_cdk import App, CfnOutput, Duration, Stack
from aws_cdk import aws_lambda as lambda_

EXAMPLES = Path(__file__).parents[1]
LAYER = EXAMPLES.parent / "dist" / "cpython-3.14.7-x86_64-packages.zip"

app = App()
stack = Stack(app, "Python314")
layer = lambda_.LayerVersion(
    stack,
    "Python",
    layer_version_name="python314-packages",
    code=lambda_.Code.from_asset(app.node.try_get_context("layer") or str(LAYER)),
    compatible_runtimes=[lambda_.Runtime.PROVIDED_AL2023, lambda_.Runtime.PROVIDED_AL2],
    compatible_architectures=[lambda_.Architecture.X86_64],
)


def function(name: str, folder: str) -> lambda_.Function:
    return lambda_.Function(
        stack,
        name,
        runtime=lambda_.Runtime.PROVIDED_AL2023,
        architecture=lambda_.Architecture.X86_64,
        handler="function.handler",
        code=lambda_.Code.from_asset(str(EXAMPLES / folder)),
        layers=[layer],
        memory_size=256,
        timeout=Duration.seconds(10),
    )


function("Orders", "packages")
url = function("Stream", "streaming").add_function_url(
    auth_type=lambda_.FunctionUrlAuthType.AWS_IAM, invoke_mode=lambda_.InvokeMode.RESPONSE_STREAM
)
CfnOutput(stack, "StreamUrl", value=url.url)

app.synth()
