# What plan.json is made of: terraform plan -refresh=false -out=plan && terraform show -json plan > plan.json
terraform {
  required_providers {
    aws     = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "x"
  secret_key                  = "x"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}
resource "aws_cognito_user_pool" "users" {
  name              = "users"
  mfa_configuration = "ON"
  software_token_mfa_configuration { enabled = true }
}
resource "aws_cognito_user_pool_client" "web" {
  name                = "web"
  user_pool_id        = aws_cognito_user_pool.users.id
  explicit_auth_flows = ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
}
resource "aws_cognito_user_group" "writer" {
  name         = "writer"
  user_pool_id = aws_cognito_user_pool.users.id
}
resource "aws_iam_role" "rbac" {
  name               = "rbac"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }] })
}
resource "aws_lambda_function" "orders" {
  function_name = "orders"
  filename      = "orders.zip"
  handler       = "app.handler"
  runtime       = "python3.13"
  role          = aws_iam_role.rbac.arn
}
resource "aws_apigatewayv2_api" "api" {
  name          = "orders"
  protocol_type = "HTTP"
}
resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.api.id
  name        = "$default"
  auto_deploy = true
}
resource "aws_apigatewayv2_integration" "orders" {
  api_id                 = aws_apigatewayv2_api.api.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.orders.invoke_arn
  payload_format_version = "2.0"
}
resource "aws_apigatewayv2_route" "orders" {
  for_each           = toset(["GET /orders", "GET /orders/{id}", "DELETE /orders/{id}"])
  api_id             = aws_apigatewayv2_api.api.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.orders.id}"
  authorization_type = "CUSTOM"
  authorizer_id      = aws_apigatewayv2_authorizer.rbac.id
}
resource "aws_lambda_permission" "orders" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.orders.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.api.execution_arn}/*/*"
}
# --- what `authorizer init` prints, but for the archive, which the provider of that name makes ---
resource "aws_lambda_function" "rbac" {
  function_name = "rbac"
  filename      = "rbac-function.zip"
  handler       = "authorizer.aws_lambda.handler"
  runtime       = "python3.13"
  architectures = ["arm64"]
  memory_size   = 512
  timeout       = 5
  role          = aws_iam_role.rbac.arn       # one that may write its logs
  environment {
    variables = { AUTHORIZER_USER_POOLS = "${aws_cognito_user_pool.users.id}=${aws_cognito_user_pool_client.web.id}" }
  }
}
resource "aws_apigatewayv2_authorizer" "rbac" {
  api_id                            = aws_apigatewayv2_api.api.id
  name                              = "rbac"
  authorizer_type                   = "REQUEST"
  authorizer_uri                    = aws_lambda_function.rbac.invoke_arn
  authorizer_payload_format_version = "2.0"
  enable_simple_responses           = true
  identity_sources                  = ["$request.header.Authorization", "$context.routeKey"]
  authorizer_result_ttl_in_seconds  = 0
}
resource "aws_lambda_permission" "rbac" {        # without it every call is a 500
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.rbac.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.api.execution_arn}/authorizers/*"
}
