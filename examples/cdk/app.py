"""Two functions on the layer: ``cdk deploy``; needs aws-cdk-lib in the Python that runs this."""

import os
import shlex
import subprocess
from pathlib import Path

import jsii
from aws_cdk import (
    App,
    AssetHashType,
    BundlingOptions,
    BundlingOutput,
    CfnOutput,
    DockerImage,
    Duration,
    ILocalBundling,
    Stack,
)
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


@jsii.implements(ILocalBundling)
class Packaging:
    """Zips a folder with its bytecode, so that no cold start compiles it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def try_bundle(self, output_dir: str, *_: object, **__: object) -> bool:
        command = os.environ.get("PACKAGE_FUNCTION") or f"{EXAMPLES.parent}/nox -s package_function --"
        words = (*shlex.split(command), f"--source={self.folder}", f"--output={output_dir}/function.zip")
        subprocess.run(words, check=True)
        return True


def packaged(folder: str) -> lambda_.Code:
    """The zip is the same for the same files, so its hash tells whether there is something to deploy."""
    no_image = DockerImage.from_registry("scratch")  # the CDK wants one, for those who cannot bundle on their machine
    bundling = BundlingOptions(image=no_image, local=Packaging(folder), output_type=BundlingOutput.ARCHIVED)
    return lambda_.Code.from_asset(folder, bundling=bundling, asset_hash_type=AssetHashType.OUTPUT)


def function(name: str, code: lambda_.Code) -> lambda_.Function:
    return lambda_.Function(
        stack,
        name,
        runtime=lambda_.Runtime.PROVIDED_AL2023,
        architecture=lambda_.Architecture.X86_64,
        handler="function.handler",
        code=code,
        layers=[layer],
        memory_size=256,
        timeout=Duration.seconds(10),
    )


function("Orders", packaged(str(EXAMPLES / "packages")))
url = function("Stream", lambda_.Code.from_asset(str(EXAMPLES / "streaming"))).add_function_url(
    auth_type=lambda_.FunctionUrlAuthType.AWS_IAM, invoke_mode=lambda_.InvokeMode.RESPONSE_STREAM
)
CfnOutput(stack, "StreamUrl", value=url.url)

app.synth()
