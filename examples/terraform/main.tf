# ./nox -s package_function -- --source examples/packages --output dist/orders.zip
# terraform init && terraform apply

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws     = { source = "hashicorp/aws", version = "~> 6.0" }
    archive = { source = "hashicorp/archive", version = "~> 2.4" }
  }
}

variable "layer" {
  type        = string
  description = "The layer's zip, as nox -s build_layer leaves it"
  default     = "../../dist/cpython-3.14.7-x86_64-packages.zip"
}

variable "orders" {
  type        = string
  description = "The first function's zip, with bytecode, as nox -s package_function leaves it"
  default     = "../../dist/orders.zip"
}

locals {
  functions = {
    orders = var.orders
    stream = data.archive_file.stream.output_path
  }
}

resource "aws_lambda_layer_version" "python" {
  layer_name               = "python314-packages"
  filename                 = var.layer
  source_code_hash         = filebase64sha256(var.layer)
  compatible_runtimes      = ["provided.al2023", "provided.al2"]
  compatible_architectures = ["x86_64"]
}

data "archive_file" "stream" {
  type        = "zip"
  source_file = "../streaming/function.py"
  output_path = "${path.module}/stream.zip"
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "function" {
  name_prefix        = "python314-"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.function.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_lambda_function" "example" {
  for_each         = local.functions
  function_name    = each.key
  role             = aws_iam_role.function.arn
  runtime          = "provided.al2023"
  architectures    = ["x86_64"]
  handler          = "function.handler"
  memory_size      = 256
  timeout          = 10
  layers           = [aws_lambda_layer_version.python.arn]
  filename         = each.value
  source_code_hash = filebase64sha256(each.value)
}

resource "aws_lambda_function_url" "stream" {
  function_name      = aws_lambda_function.example["stream"].function_name
  authorization_type = "AWS_IAM"
  invoke_mode        = "RESPONSE_STREAM"
}

output "stream_url" {
  value = aws_lambda_function_url.stream.function_url
}
