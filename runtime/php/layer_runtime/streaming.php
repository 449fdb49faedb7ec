<?php
// Responses that leave piece by piece. Required for handlers that are generators.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming

declare(strict_types=1);

namespace LayerRuntime;

const BYTES = 'application/octet-stream';
const HTTP = 'application/vnd.awslambda.http-integration-response';
const HTTP_FIELDS = ['statusCode' => 0, 'headers' => 0, 'cookies' => 0];
const END_OF_PRELUDE = "\0\0\0\0\0\0\0\0";

/** Sends what a generator yields, each piece at once: text, or first of all the beginning of an HTTP response. */
function send_all(RuntimeApi $api, Invocation $invocation, \Generator $pieces): void
{
    foreach ($pieces as $piece) {
        leave_copy();
        if (\is_array($piece) && !$api->isStreaming && !\array_diff_key($piece, HTTP_FIELDS)) {
            $prelude = encode($piece) . END_OF_PRELUDE;
            $api->beginStream($invocation, HTTP);
            $piece = $prelude;
        } elseif (!\is_string($piece)) {
            $kind = \get_debug_type($piece);
            $also = \is_array($piece) ? '; an array of statusCode, headers and cookies can only be the first' : '';
            $message = "Unable to marshal response: a piece of a stream is a string, not $kind$also";
            throw new Fault('Runtime.MarshalError', $message);
        } elseif (!$api->isStreaming) {
            $api->beginStream($invocation, BYTES);
        }
        if ($piece !== '' && !$api->sendChunk($piece)) { // an empty chunk would be the end
            break; // nobody reads any more
        }
    }
    if (!$api->isStreaming) { // a stream of nothing is one, too
        $api->beginStream($invocation, BYTES);
    }
}
