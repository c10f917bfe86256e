variable "name" { type = string }
variable "authorizer_invoke_arn" { type = string }
variable "authorizer_name" { type = string }
variable "routes" { type = map(object({ function = string, open = optional(bool, false) })) }
variable "functions" { type = map(string) }
resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  protocol_type = "HTTP"
  cors_configuration {
    allow_origins = ["https://example.com"]
  }
}
resource "aws_apigatewayv2_authorizer" "rbac" {
  api_id                            = aws_apigatewayv2_api.this.id
  name                              = "rbac"
  authorizer_type                   = "REQUEST"
  authorizer_uri                    = var.authorizer_invoke_arn
  authorizer_payload_format_version = "2.0"
  enable_simple_responses           = true
  identity_sources                  = ["$request.header.Authorization", "$context.routeKey"]
  authorizer_result_ttl_in_seconds  = 60
}
resource "aws_apigatewayv2_integration" "lambda" {
  for_each               = var.functions
  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = each.value
  payload_format_version = "2.0"
}
resource "aws_apigatewayv2_route" "this" {
  for_each           = var.routes
  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.lambda[each.value.function].id}"
  authorization_type = each.value.open ? "NONE" : "CUSTOM"
  authorizer_id      = each.value.open ? null : aws_apigatewayv2_authorizer.rbac.id
}
resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true
}
resource "aws_lambda_permission" "authorizer" {
  action        = "lambda:InvokeFunction"
  function_name = var.authorizer_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/authorizers/${aws_apigatewayv2_authorizer.rbac.id}"
}
output "execution_arn" { value = aws_apigatewayv2_api.this.execution_arn }
