<?php
// An internal extension that wants no events: Lambda sends SIGTERM only to environments that have an extension.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html

declare(strict_types=1);

namespace LayerRuntime;

const EXTENSION_NAME = 'static-python-layer';
const EXTENSION_BASE = '/2020-01-01/extension';
const IDENTIFIER = 'Lambda-Extension-Identifier';
const NO_EVENTS = '{"events": []}';

/** Registers it, and has it wait, or initialisation would never be over; the connection is to be kept, and not read. */
function register_extension(string $endpoint): ?Connection
{
    $path = EXTENSION_BASE . '/register';
    $head = "POST $path HTTP/1.1\r\nHost: $endpoint\r\nLambda-Extension-Name: " . EXTENSION_NAME
        . "\r\nContent-Type: application/json\r\nContent-Length: " . \strlen(NO_EVENTS) . "\r\n\r\n";
    try {
        [$status, $headers, $body] = (new Connection($endpoint))->tell($head, NO_EVENTS);
        $identifier = $headers[\strtolower(IDENTIFIER)] ?? '';
        if ($status !== 200 || $identifier === '') {
            complain("No graceful shutdown: POST $path was answered with $status: $body");
            return null;
        }
        $waiting = new Connection($endpoint);
        $next = EXTENSION_BASE . '/event/next';
        $waiting->begin("GET $next HTTP/1.1\r\nHost: $endpoint\r\n" . IDENTIFIER . ": $identifier\r\n\r\n");
        return $waiting;
    } catch (ConnectionError $error) {
        complain("No graceful shutdown: {$error->getMessage()}");
        return null;
    }
}
