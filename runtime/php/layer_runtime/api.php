<?php
// The Runtime API's calls: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

declare(strict_types=1);

namespace LayerRuntime;

const VERSION = '1.0';
const BASE = '/2018-06-01/runtime';
const JSON = 'application/json';
const ERROR_TYPE = 'Lambda-Runtime-Function-Error-Type';
const ERROR_BODY = 'Lambda-Runtime-Function-Error-Body';
const XRAY_CAUSE = 'Lambda-Runtime-Function-XRay-Error-Cause';

/** A call was refused, or did not get through; the message is for the log. */
final class ApiError extends \RuntimeException
{
}

/** One event and what the Runtime API says about it; an empty text is a header that was not sent. */
final class Invocation
{
    public readonly string $requestId;

    /** @param array<string, string> $headers by their names in lower case; throws ApiError without a request id */
    public function __construct(private readonly array $headers, public readonly string $body)
    {
        $this->requestId = $this->header('aws-request-id');
        if ($this->requestId === '') {
            throw new ApiError('the next invocation has no request id');
        }
    }

    /** A header by the end of its name, `trace-id`. */
    public function header(string $name): string
    {
        return $this->headers["lambda-runtime-$name"] ?? '';
    }

    public function contentType(): string
    {
        return $this->headers['content-type'] ?? JSON;
    }
}

/** The Runtime API at host:port; throws ValueError if it is none. Every method throws ApiError when its call fails. */
final class RuntimeApi
{
    /** The one whose answer has not been begun, or goes on as a stream. */
    public ?Invocation $invocation = null;
    public bool $isStreaming = false;
    private readonly Connection $connection;
    private readonly string $common;
    private readonly string $nextRequest;

    public function __construct(string $endpoint)
    {
        $this->connection = new Connection($endpoint);
        $agent = 'static-python-layer/' . VERSION . ' PHP/' . \PHP_VERSION;
        $this->common = "HTTP/1.1\r\nHost: $endpoint\r\nUser-Agent: $agent\r\n";
        $this->nextRequest = 'GET ' . BASE . "/invocation/next {$this->common}\r\n";
    }

    /** Waits for the next invocation, as long as it takes. */
    public function next(): Invocation
    {
        $answer = $this->call('no next invocation', fn () => $this->connection->ask($this->nextRequest));
        if ($answer[0] !== 200) {
            throw self::refused('no next invocation', $answer);
        }
        return $this->invocation = new Invocation($answer[1], $answer[2]);
    }

    /** Hands in an invocation's result. */
    public function respond(Invocation $invocation, string $body, string $contentType): void
    {
        $headers = self::echoed($invocation);
        $this->post("/invocation/{$invocation->requestId}/response", $body, $contentType, $headers);
    }

    /** Says that an invocation failed. */
    public function fail(Invocation $invocation, Report $report): void
    {
        $headers = self::echoed($invocation) . self::typeHeader($report->platformType());
        $cause = $report->toXray();
        $headers .= $cause === '' ? '' : XRAY_CAUSE . ": $cause\r\n";
        $this->post("/invocation/{$invocation->requestId}/error", $report->toJson(), JSON, $headers);
    }

    /** Says that the function could not be loaded. */
    public function failInit(Report $report): void
    {
        $this->post('/init/error', $report->toJson(), JSON, self::typeHeader($report->platformType()));
    }

    /** Begins a result that is sent piece by piece. */
    public function beginStream(Invocation $invocation, string $contentType): void
    {
        $head = 'POST ' . BASE . "/invocation/{$invocation->requestId}/response {$this->common}"
            . "Content-Type: $contentType\r\nTransfer-Encoding: chunked\r\nTrailer: " . ERROR_TYPE . ', ' . ERROR_BODY
            . "\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n" . self::echoed($invocation) . "\r\n";
        $this->isStreaming = true;
        $this->call("the response of {$invocation->requestId}", fn () => $this->connection->begin($head));
    }

    /** Sends a piece, which is not empty; false when nobody reads any more. */
    public function sendChunk(string $piece): bool
    {
        return $this->connection->goOn(\dechex(\strlen($piece)) . "\r\n", $piece, "\r\n");
    }

    /** Ends the stream, with the error that cut it short if there is one. */
    public function endStream(Invocation $invocation, ?Report $report = null): void
    {
        $trailers = $report === null
            ? ''
            : self::typeHeader($report->type) . ERROR_BODY . ': ' . \base64_encode($report->toJson()) . "\r\n";
        $what = "the response of {$invocation->requestId}";
        $this->invocation = null;
        $this->isStreaming = false;
        $answer = $this->call($what, fn () => $this->connection->end("0\r\n$trailers\r\n"));
        self::expectSuccess($what, $answer);
    }

    private function post(string $path, string $body, string $contentType, string $headers): void
    {
        $head = 'POST ' . BASE . "$path {$this->common}Content-Type: $contentType\r\nContent-Length: "
            . \strlen($body) . "\r\n$headers\r\n";
        $what = "POST $path";
        $this->invocation = null; // whatever comes of it, it is not told twice
        $answer = $this->call($what, fn () => $this->connection->tell($head, $body));
        self::expectSuccess($what, $answer);
    }

    private function call(string $what, \Closure $call): mixed
    {
        try {
            return $call();
        } catch (ConnectionError $error) {
            throw new ApiError("$what: {$error->getMessage()}", 0, $error);
        }
    }

    private static function expectSuccess(string $what, array $answer): void
    {
        if ($answer[0] === 410) {
            complain("Runtime API: $what: it came too late, the invocation had timed out", 'WARNING');
        } elseif ($answer[0] < 200 || $answer[0] > 299) {
            throw self::refused($what, $answer);
        }
    }

    private static function refused(string $what, array $answer): ApiError
    {
        return new ApiError("$what: the Runtime API answered {$answer[0]}: {$answer[2]}");
    }

    private static function typeHeader(string $type): string
    {
        return ERROR_TYPE . ': ' . \preg_replace('/[^ -~]/', '?', $type) . "\r\n";
    }

    /** The header by which the Runtime API knows an answer that comes too late. */
    private static function echoed(Invocation $invocation): string
    {
        $id = $invocation->header('invocation-id');
        return $id === '' ? '' : "Lambda-Runtime-Invocation-Id: $id\r\n";
    }
}
