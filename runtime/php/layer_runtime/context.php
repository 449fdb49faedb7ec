<?php
// The handler's second argument.

declare(strict_types=1);

namespace LayerRuntime;

/** One invocation, for its handler. Throws Fault when it tells of its caller in what is no JSON. */
final class Context
{
    public readonly string $requestId;
    /** Milliseconds since 1970 at which the platform ends this invocation. */
    public readonly int $deadlineMs;
    public readonly string $invokedFunctionArn;
    public readonly string $traceId;
    /** @var ?array<string, mixed> what a mobile SDK says of itself: client, custom, env */
    public readonly ?array $clientContext;
    /** @var ?array<string, mixed> who called, if Amazon Cognito signed the caller in */
    public readonly ?array $identity;
    public readonly string $tenantId;
    public readonly string $functionName;
    public readonly string $functionVersion;
    public readonly int $memoryLimitInMb;
    public readonly string $logGroupName;
    public readonly string $logStreamName;

    public function __construct(Invocation $invocation)
    {
        $this->requestId = $invocation->requestId;
        $this->deadlineMs = (int) $invocation->header('deadline-ms');
        $this->invokedFunctionArn = $invocation->header('invoked-function-arn');
        $this->traceId = $invocation->header('trace-id');
        $this->clientContext = self::decoded($invocation, 'client-context');
        $this->identity = self::decoded($invocation, 'cognito-identity');
        $this->tenantId = $invocation->header('aws-tenant-id');
        $this->functionName = variable('AWS_LAMBDA_FUNCTION_NAME');
        $this->functionVersion = variable('AWS_LAMBDA_FUNCTION_VERSION');
        $this->memoryLimitInMb = (int) variable('AWS_LAMBDA_FUNCTION_MEMORY_SIZE');
        $this->logGroupName = variable('AWS_LAMBDA_LOG_GROUP_NAME');
        $this->logStreamName = variable('AWS_LAMBDA_LOG_STREAM_NAME');
    }

    /** Milliseconds until the platform ends this invocation; 0 when they are over. */
    public function getRemainingTimeInMillis(): int
    {
        return \max(0, $this->deadlineMs - (int) (\microtime(true) * 1000));
    }

    // The names of bref's context.

    public function getAwsRequestId(): string
    {
        return $this->requestId;
    }

    public function getInvokedFunctionArn(): string
    {
        return $this->invokedFunctionArn;
    }

    public function getTraceId(): string
    {
        return $this->traceId;
    }

    private static function decoded(Invocation $invocation, string $name): ?array
    {
        $text = $invocation->header($name);
        if ($text === '') {
            return null;
        }
        $value = \json_decode($text, true);
        if (!\is_array($value)) {
            $why = \json_last_error() === \JSON_ERROR_NONE ? 'it is no object' : \json_last_error_msg();
            throw new Fault('Runtime.LambdaContextUnmarshalError', "Unable to unmarshal Lambda-Runtime-$name: $why");
        }
        return $value;
    }
}
