<?php
// Event → handler → answer, again and again.

declare(strict_types=1);

namespace LayerRuntime;

require_once __DIR__ . '/context.php';

const TRACE_ID = '_X_AMZN_TRACE_ID';
const RESULT_FLAGS =
    \JSON_UNESCAPED_SLASHES | \JSON_UNESCAPED_UNICODE | \JSON_PRESERVE_ZERO_FRACTION | \JSON_THROW_ON_ERROR;
const DEEPEST = 2048; // arrays in arrays

/** A result that is sent as it is. */
final class RawResponse
{
    public function __construct(
        public readonly string $body,
        public readonly string $contentType = 'application/octet-stream',
    ) {
        check_content_type($contentType);
    }
}

/** It becomes a header. */
function check_content_type(string $text): void
{
    if (\preg_match('/^[ -~]+$/D', $text) !== 1) {
        throw new \ValueError('A content type is printable ASCII');
    }
}

/** Answers invocations until there is none to be had: throws ApiError. */
function answer_all(RuntimeApi $api, callable $handler): never
{
    while (true) {
        try {
            $invocation = $api->next();
        } catch (ApiError $error) {
            throw $error;
        } catch (\Throwable $error) { // of a signal's handler, while it waited
            complain((string) $error);
            continue;
        }
        answer($api, $invocation, $handler);
    }
}

/** Runs the handler on one invocation and hands in what came of it. */
function answer(RuntimeApi $api, Invocation $invocation, callable $handler): void
{
    $traceId = $invocation->header('trace-id');
    set_variable(TRACE_ID, $traceId === '' ? null : $traceId);
    try {
        [$body, $contentType] = run($api, $invocation, $handler);
    } catch (\Throwable $error) {
        leave_copy();
        flush_output();
        require_once __DIR__ . '/report.php';
        fail($api, $invocation, report_of($error));
        return;
    }
    leave_copy();
    flush_output();
    try {
        if ($api->isStreaming) {
            $api->endStream($invocation);
        } else {
            $api->respond($invocation, $body, $contentType);
        }
    } catch (ApiError $error) { // the next invocation is none the worse
        complain($error);
    }
}

/** Hands in an error, and writes it down. */
function fail(RuntimeApi $api, Invocation $invocation, Report $report): void
{
    $report->write($invocation->requestId);
    try {
        if ($api->isStreaming) {
            $api->endStream($invocation, $report);
        } else {
            $api->fail($invocation, $report);
        }
    } catch (ApiError $error) {
        complain($error);
    }
}

/** The result as body and content type; throws Fault, or whatever the handler throws. */
function run(RuntimeApi $api, Invocation $invocation, callable $handler): array
{
    $context = new Context($invocation);
    $result = $handler(decode_event($invocation), $context);
    if ($result instanceof \Generator) {
        require_once __DIR__ . '/streaming.php';
        send_all($api, $invocation, $result);
        return ['', ''];
    }
    return $result instanceof RawResponse ? [$result->body, $result->contentType] : [encode($result), JSON];
}

/** The event that a handler gets: JSON decoded, what is of any other type as it is. */
function decode_event(Invocation $invocation): mixed
{
    $type = $invocation->contentType();
    if ($type !== JSON && \strtolower(\trim(\explode(';', $type, 2)[0])) !== JSON) {
        return $invocation->body;
    }
    try {
        return \json_decode($invocation->body, true, DEEPEST, \JSON_THROW_ON_ERROR);
    } catch (\JsonException $error) {
        throw new Fault('Runtime.UnmarshalError', "Unable to unmarshal input: {$error->getMessage()}");
    }
}

/** A result as JSON. What a JsonSerializable throws passes through. */
function encode(mixed $result): string
{
    try {
        return \json_encode($result, RESULT_FLAGS, DEEPEST);
    } catch (\JsonException $error) {
        throw new Fault('Runtime.MarshalError', "Unable to marshal response: {$error->getMessage()}");
    }
}

/** What the function echoed belongs to this invocation: the process may be frozen once it is answered. */
function flush_output(): void
{
    while (\ob_get_level() > 0 && @\ob_end_flush());
    if (\ini_get('max_execution_time') !== '0') {
        \set_time_limit(0); // it was the handler's own
    }
}
