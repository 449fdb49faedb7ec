#!/usr/bin/env bash
# Deploys a function that uses a package from the layer, with the AWS CLI; the zip has bytecode, so that no cold start
# compiles it:
# examples/cli/deploy.sh ROLE_ARN [LAYER_ZIP]
set -euo pipefail
cd "$(dirname "$0")/../.."
role=$1
layer=${2:-dist/cpython-3.14.7-x86_64-packages.zip}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

arn=$(aws lambda publish-layer-version --layer-name python314-packages --zip-file "fileb://$layer" \
    --compatible-runtimes provided.al2023 provided.al2 --compatible-architectures x86_64 \
    --query LayerVersionArn --output text)

${PACKAGE_FUNCTION:-./nox -s package_function --} --source=examples/packages --output="$scratch/function.zip" > /dev/null
aws lambda create-function --function-name orders --runtime provided.al2023 --architectures x86_64 --role "$role" \
    --handler function.handler --memory-size 256 --timeout 10 --layers "$arn" \
    --zip-file "fileb://$scratch/function.zip" > /dev/null
aws lambda wait function-active-v2 --function-name orders

# aws lambda invoke --function-name orders --cli-binary-format raw-in-base64-out \
#     --payload file://examples/packages/event.json response.json
echo "$arn"
