<?php
// What is told about an error: to the Runtime API as JSON, to X-Ray in a header, to the log with all that led to it.
// Required when there is an error.

declare(strict_types=1);

namespace LayerRuntime;

const ANYTHING = \JSON_UNESCAPED_SLASHES | \JSON_INVALID_UTF8_SUBSTITUTE | \JSON_PARTIAL_OUTPUT_ON_ERROR;
const LARGEST_CAUSE = 1024 * 1024; // bytes at which the header for X-Ray is left out
const MOST_CAUSES = 12; // causes of causes that are told
const FATAL = \E_ERROR | \E_PARSE | \E_CORE_ERROR | \E_COMPILE_ERROR | \E_USER_ERROR | \E_RECOVERABLE_ERROR;

/** One error: its type, its message, the stack of the function's own code, innermost first. */
final class Report
{
    /**
     * @param list<array{label: string, path: string, line: int}> $frames
     * @param list<Report> $causes
     */
    public function __construct(
        public readonly string $type,
        public readonly string $message,
        public readonly array $frames,
        public readonly array $causes = [],
    ) {
    }

    /** What the platform keeps: Runtime.… and Function.…; it takes anything else for Runtime.Unknown. */
    public function platformType(): string
    {
        if (\str_starts_with($this->type, 'Runtime.')) {
            return $this->type;
        }
        $slash = \strrpos($this->type, '\\');
        return 'Function.' . ($slash === false ? $this->type : \substr($this->type, $slash + 1));
    }

    /** The body that /error and /init/error want. */
    public function toJson(): string
    {
        return \json_encode($this->fields(), ANYTHING | \JSON_UNESCAPED_UNICODE);
    }

    /** The cause for X-Ray: JSON in ASCII, as a header can carry it; empty when it is too large for one. */
    public function toXray(): string
    {
        $exception = ['message' => $this->message, 'type' => $this->type, 'stack' => $this->frames];
        $cause = \json_encode([
            'working_directory' => \getcwd() ?: '',
            'exceptions' => [$exception],
            'paths' => \array_values(\array_unique(\array_column($this->frames, 'path'))),
        ], ANYTHING);
        return \strlen($cause) < LARGEST_CAUSE ? $cause : '';
    }

    /** Puts it into the log, as one record. */
    public function write(string $requestId = ''): void
    {
        if (variable('AWS_LAMBDA_LOG_FORMAT') === 'JSON') {
            $time = \DateTimeImmutable::createFromFormat('U.u', \sprintf('%.6F', \microtime(true)));
            $head = ['timestamp' => $time->format('Y-m-d\TH:i:s.v\Z'), 'level' => 'ERROR'];
            $fields = [...$head, ...($requestId === '' ? [] : ['requestId' => $requestId]), ...$this->fields()];
            $fields += $this->causes ? ['causes' => \array_map(fn ($cause) => $cause->fields(), $this->causes)] : [];
            write_log(\json_encode($fields, ANYTHING | \JSON_UNESCAPED_UNICODE) . "\n");
            return;
        }
        $lines = ["[ERROR] {$this->headline()}", ...$this->stack()];
        foreach ($this->causes as $cause) {
            \array_push($lines, "Caused by {$cause->headline()}", ...$cause->stack());
        }
        // Lines of one record are joined by carriage returns; a line feed would begin another.
        write_log(\mb_scrub(\str_replace(["\r\n", "\n"], "\r", \implode("\r", $lines))) . "\n");
    }

    private function headline(): string
    {
        return $this->message === '' ? $this->type : "{$this->type}: {$this->message}";
    }

    /** @return array<string, mixed> */
    private function fields(): array
    {
        return ['errorMessage' => $this->message, 'errorType' => $this->type, 'stackTrace' => $this->stack()];
    }

    /** @return list<string> as PHP writes it */
    private function stack(): array
    {
        $lines = [];
        foreach ($this->frames as $number => ['label' => $label, 'path' => $path, 'line' => $line]) {
            $lines[] = "#$number " . ($path === '' ? '[internal function]' : "$path($line)") . ": $label";
        }
        return $lines;
    }
}

/** The report of an error and of what it came from. */
function report_of(\Throwable $error): Report
{
    $causes = [];
    $origin = $error instanceof Fault ? $error->origin : $error;
    for ($cause = $origin?->getPrevious(); $cause !== null && \count($causes) < MOST_CAUSES; $cause = $cause->getPrevious()) {
        $causes[] = new Report($cause::class, $cause->getMessage(), frames_of($cause));
    }
    $type = match (true) {
        $error instanceof Fault => $error->type,
        $error instanceof \ParseError => 'Runtime.UserCodeSyntaxError',
        default => $error::class,
    };
    return new Report($type, $error->getMessage(), $origin === null ? [] : frames_of($origin), $causes);
}

/** The report of an end that nobody meant; $last is PHP's last error. */
function report_of_end(?array $last): Report
{
    if ($last === null || !($last['type'] & FATAL)) {
        return new Report('Runtime.ExitError', 'The function left its process: exit()', []);
    }
    $type = \str_starts_with($last['message'], 'Allowed memory size') ? 'Runtime.OutOfMemory' : 'Runtime.FatalError';
    return new Report($type, $last['message'], [
        ['label' => '{main}', 'path' => $last['file'], 'line' => $last['line']],
    ]);
}

/** Where an error was thrown, and the calls that led there, without those of the loop. */
function frames_of(\Throwable $error): array
{
    $frames = [];
    [$path, $line] = [$error->getFile(), $error->getLine()];
    foreach ([...$error->getTrace(), ['function' => '{main}']] as $call) {
        if (\dirname($path) === __DIR__ || \str_ends_with($path, '/bootstrap')) {
            break;
        }
        $label = ($call['class'] ?? '') . ($call['type'] ?? '') . $call['function'];
        $frames[] = ['label' => $label, 'path' => $path, 'line' => $line];
        [$path, $line] = [$call['file'] ?? '', $call['line'] ?? 0];
    }
    return $frames;
}
