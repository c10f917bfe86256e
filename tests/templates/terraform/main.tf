# What tests/templates/real/terraform.json is the plan of, by terraform 1.11 with hashicorp/aws 5.100:
#   terraform plan -refresh=false -out=plan && terraform show -json plan
# without what no reader looks at (sensitive_values, provider_config, ...), a line for each resource.
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
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
resource "aws_iam_role" "lambda" {
  name               = "lambda"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }] })
}
resource "aws_cognito_user_pool" "people" {
  name              = "people"
  mfa_configuration = "ON"
  software_token_mfa_configuration {
    enabled = true
  }
}
resource "aws_cognito_user_pool_client" "web" {
  name                  = "web"
  user_pool_id          = aws_cognito_user_pool.people.id
  explicit_auth_flows   = ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
  access_token_validity = 30
  token_validity_units {
    access_token = "minutes"
  }
}
resource "aws_cognito_user_group" "group" {
  for_each     = toset(["reader", "writer"])
  name         = each.key
  user_pool_id = aws_cognito_user_pool.people.id
}
resource "aws_lambda_function" "authorizer" {
  function_name = "authorizer"
  filename      = "${path.module}/authorizer.zip"
  handler       = "handlers.authorize.handler"
  runtime       = "python3.13"
  role          = aws_iam_role.lambda.arn
  environment {
    variables = {
      AUTHORIZER_USER_POOLS = "${aws_cognito_user_pool.people.id}=${aws_cognito_user_pool_client.web.id}"
    }
  }
}
resource "aws_lambda_function" "orders" {
  function_name = "orders"
  filename      = "${path.module}/orders.zip"
  handler       = "orders.handler"
  runtime       = "python3.13"
  role          = aws_iam_role.lambda.arn
}
resource "aws_lambda_permission" "orders" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.orders.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${module.api["shop"].execution_arn}/*/*"
}
module "api" {
  source                = "./api"
  for_each              = toset(["shop", "depot"])
  name                  = each.key
  authorizer_invoke_arn = aws_lambda_function.authorizer.invoke_arn
  authorizer_name       = aws_lambda_function.authorizer.function_name
  functions             = { orders = aws_lambda_function.orders.invoke_arn }
  routes = {
    "GET /orders"         = { function = "orders" }
    "GET /orders/{id}"    = { function = "orders" }
    "DELETE /orders/{id}" = { function = "orders" }
    "GET /health"         = { function = "orders", open = true }
  }
}
# --- a REST API ---
resource "aws_api_gateway_rest_api" "admin" {
  name = "admin"
  endpoint_configuration {
    types = ["REGIONAL"]
  }
}
resource "aws_api_gateway_resource" "users" {
  rest_api_id = aws_api_gateway_rest_api.admin.id
  parent_id   = aws_api_gateway_rest_api.admin.root_resource_id
  path_part   = "users"
}
resource "aws_api_gateway_resource" "user" {
  rest_api_id = aws_api_gateway_rest_api.admin.id
  parent_id   = aws_api_gateway_resource.users.id
  path_part   = "{id}"
}
resource "aws_api_gateway_authorizer" "token" {
  name                             = "token"
  rest_api_id                      = aws_api_gateway_rest_api.admin.id
  authorizer_uri                   = aws_lambda_function.authorizer.invoke_arn
  authorizer_result_ttl_in_seconds = 0
}
resource "aws_api_gateway_method" "user" {
  for_each      = toset(["GET", "PUT"])
  rest_api_id   = aws_api_gateway_rest_api.admin.id
  resource_id   = aws_api_gateway_resource.user.id
  http_method   = each.key
  authorization = "CUSTOM"
  authorizer_id = aws_api_gateway_authorizer.token.id
}
resource "aws_api_gateway_integration" "user" {
  for_each                = aws_api_gateway_method.user
  rest_api_id             = aws_api_gateway_rest_api.admin.id
  resource_id             = aws_api_gateway_resource.user.id
  http_method             = each.value.http_method
  integration_http_method = "POST"
  type                    = "AWS_PROXY"
  uri                     = aws_lambda_function.orders.invoke_arn
}
resource "aws_api_gateway_method" "preflight" {
  rest_api_id   = aws_api_gateway_rest_api.admin.id
  resource_id   = aws_api_gateway_resource.user.id
  http_method   = "OPTIONS"
  authorization = "NONE"
}
resource "aws_api_gateway_integration" "preflight" {
  rest_api_id = aws_api_gateway_rest_api.admin.id
  resource_id = aws_api_gateway_resource.user.id
  http_method = aws_api_gateway_method.preflight.http_method
  type        = "MOCK"
}
resource "aws_lambda_permission" "admin" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.authorizer.arn
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.admin.execution_arn}/authorizers/${aws_api_gateway_authorizer.token.id}"
}
resource "aws_api_gateway_rest_api" "spec" {
  name = "spec"
  body = jsonencode({
    openapi = "3.0.1"
    info    = { title = "spec", version = "1" }
    paths = {
      "/things" = {
        get = {
          security                          = [{ rbac = [] }]
          "x-amazon-apigateway-integration" = { type = "aws_proxy", httpMethod = "POST", uri = aws_lambda_function.orders.invoke_arn }
        }
      }
    }
    components = { securitySchemes = { rbac = {
      type                             = "apiKey", name = "Authorization", in = "header", "x-amazon-apigateway-authtype" = "custom"
      "x-amazon-apigateway-authorizer" = { type = "token", authorizerUri = aws_lambda_function.authorizer.invoke_arn, authorizerResultTtlInSeconds = 0 }
    } } }
  })
}
resource "aws_apigatewayv2_api" "spec2" {
  name          = "spec2"
  protocol_type = "HTTP"
  body = jsonencode({
    openapi = "3.0.1"
    info    = { title = "spec", version = "1" }
    paths   = { "/open" = { get = { "x-amazon-apigateway-integration" = { type = "http_proxy", uri = "https://example.com", httpMethod = "GET", payloadFormatVersion = "1.0" } } } }
  })
}
resource "aws_apigatewayv2_api" "quick" {
  name          = "quick"
  protocol_type = "HTTP"
  target        = aws_lambda_function.orders.arn
}
resource "aws_lambda_function_url" "orders" {
  function_name      = aws_lambda_function.orders.function_name
  authorization_type = "NONE"
}
resource "aws_apigatewayv2_api" "ws" {
  count                      = 1
  name                       = "ws"
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
}
resource "aws_apigatewayv2_authorizer" "ws" {
  count            = 1
  api_id           = aws_apigatewayv2_api.ws[0].id
  name             = "ws"
  authorizer_type  = "REQUEST"
  authorizer_uri   = aws_lambda_function.authorizer.invoke_arn
  identity_sources = ["route.request.header.Authorization"]
}
resource "aws_apigatewayv2_route" "connect" {
  api_id             = aws_apigatewayv2_api.ws[0].id
  route_key          = "$connect"
  authorization_type = "CUSTOM"
  authorizer_id      = aws_apigatewayv2_authorizer.ws[0].id
}

resource "aws_api_gateway_deployment" "admin" {
  rest_api_id = aws_api_gateway_rest_api.admin.id
}
resource "aws_api_gateway_stage" "live" {
  rest_api_id           = aws_api_gateway_rest_api.admin.id
  deployment_id         = aws_api_gateway_deployment.admin.id
  stage_name            = "live"
  cache_cluster_enabled = true
  cache_cluster_size    = "0.5"
}
resource "aws_api_gateway_method_settings" "user" {
  rest_api_id = aws_api_gateway_rest_api.admin.id
  stage_name  = aws_api_gateway_stage.live.stage_name
  method_path = "users/{id}/GET"
  settings {
    caching_enabled      = true
    cache_ttl_in_seconds = 60
  }
}
resource "aws_api_gateway_gateway_response" "denied" {
  rest_api_id         = aws_api_gateway_rest_api.admin.id
  response_type       = "ACCESS_DENIED"
  response_parameters = { "gatewayresponse.header.Access-Control-Allow-Origin" = "'*'" }
}
