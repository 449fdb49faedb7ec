<?php
// The start, from what Lambda hands over to a handler that waits for its first event; and every end of the process.

declare(strict_types=1);

namespace LayerRuntime;

require __DIR__ . '/api.php';

const UNUSABLE = 1; // the exit code of a function that cannot be served
const CANNOT_EXECUTE = 126; // a shell's exit codes
const NOT_FOUND = 127;
const WRAPPER = 'AWS_LAMBDA_EXEC_WRAPPER';
const WRAPPED = '_LAYER_EXEC_WRAPPED'; // says that this process came out of the wrapper
const OVERHEAD = 24; // megabytes of the function's memory that the process takes besides what it allocates

/** What the process is at, for when it ends. */
final class Process
{
    public static ?RuntimeApi $api = null;
    public static string $handler = '';
    public static bool $isServing = false;
    /** Whether the end of the process has been told, or is nobody's business. */
    public static bool $isOver = false;
    public static int $pid = 0;
    public static ?Connection $extension = null;
}

/** An error under one of the platform's own types, Runtime.…; $origin is the one behind it, whose stack is told. */
final class Fault extends \Exception
{
    public function __construct(
        public readonly string $type,
        string $message,
        public readonly ?\Throwable $origin = null,
    ) {
        parent::__construct($message);
    }
}

/** Makes everything ready, and gives the path of the handler's file. $arguments are the process's. */
function prepare(array $arguments): string
{
    Process::$pid = \getmypid();
    \register_shutdown_function(end_process(...));
    if (isset($arguments[1])) {
        set_variable('_HANDLER', $arguments[1]);
    }
    enter_wrapper($arguments);
    $endpoint = variable('AWS_LAMBDA_RUNTIME_API');
    if ($endpoint === '') {
        complain('AWS_LAMBDA_RUNTIME_API is not set: bootstrap runs inside Lambda, or under its emulator.');
        leave(UNUSABLE);
    }
    try {
        Process::$api = new RuntimeApi($endpoint);
    } catch (\ValueError) {
        complain("AWS_LAMBDA_RUNTIME_API is '$endpoint': it should be host:port");
        leave(UNUSABLE);
    }
    if (variable('AWS_EXECUTION_ENV') === '') {
        set_variable('AWS_EXECUTION_ENV', 'AWS_Lambda_php' . \PHP_MAJOR_VERSION . '.' . \PHP_MINOR_VERSION);
    }
    limit_memory();
    \pcntl_async_signals(true);
    \pcntl_signal(\SIGTERM, static fn () => exit(0)); // what the function wants done at the end is done
    if (variable('LAMBDA_GRACEFUL_SHUTDOWN') !== '') {
        require_once __DIR__ . '/extension.php';
        Process::$extension = register_extension($endpoint);
    }
    Process::$handler = variable('_HANDLER');
    return find_file(Process::$handler);
}

/** PHP's own limit stands below the function's: so what is too much is an error that can be told. */
function limit_memory(): void
{
    $size = (int) variable('AWS_LAMBDA_FUNCTION_MEMORY_SIZE');
    if (\ini_get('memory_limit') === '-1' && $size > 2 * OVERHEAD) {
        \ini_set('memory_limit', ($size - OVERHEAD) . 'M');
    }
}

/** Runs the wrapper that AWS_LAMBDA_EXEC_WRAPPER names, which is to run this again. */
function enter_wrapper(array $arguments): void
{
    $wrapper = variable(WRAPPER);
    if ($wrapper === '' || variable(WRAPPED) === $wrapper) {
        return;
    }
    set_variable(WRAPPED, $wrapper);
    $found = \is_file($wrapper);
    if ($found && \is_executable($wrapper)) {
        @\pcntl_exec($wrapper, [\PHP_BINARY, ...$arguments]);
    }
    complain(WRAPPER . ": '$wrapper' " . ($found ? 'cannot be executed' : 'does not exist'));
    leave($found ? CANNOT_EXECUTE : NOT_FOUND);
}

/** `folder/file.function` or `folder/file.php` → the path of the file; throws Fault. */
function find_file(string $handler): string
{
    $root = variable('LAMBDA_TASK_ROOT') ?: '/var/task';
    if (!@\chdir($root)) {
        throw new Fault('Runtime.ImportModuleError', "LAMBDA_TASK_ROOT is '$root', which is no folder");
    }
    [$name, $function] = split_handler($handler);
    if ($name === '' || ($function === '' && !\str_ends_with($handler, '.php'))) {
        $forms = 'file.function, or file.php for a file that returns a callable';
        throw new Fault('Runtime.MalformedHandlerName', "Bad handler '$handler': it should be $forms");
    }
    $path = $name[0] === '/' ? "$name.php" : "$root/$name.php";
    if (!\is_file($path)) {
        throw new Fault('Runtime.ImportModuleError', "There is no file '$path' for handler '$handler'");
    }
    return $path;
}

/** The file without its ending, and the function; no function if the file is to return it. */
function split_handler(string $handler): array
{
    if (\str_ends_with($handler, '.php')) {
        return [\substr($handler, 0, -4), ''];
    }
    $dot = \strrpos($handler, '.');
    return $dot === false ? [$handler, ''] : [\substr($handler, 0, $dot), \substr($handler, $dot + 1)];
}

/** The callable that a handler is; $returned is what its file returned. Throws Fault. */
function find_handler(string $handler, mixed $returned): callable
{
    [$name, $function] = split_handler($handler);
    if ($function !== '') {
        if (!\is_callable($function)) {
            throw new Fault('Runtime.HandlerNotFound', "Handler '$function' missing in file '$name.php'");
        }
        return $function;
    }
    if (!\is_callable($returned) && \is_object($returned) && \is_callable([$returned, 'handle'])) {
        return [$returned, 'handle']; // as bref's handlers are
    }
    if (!\is_callable($returned)) {
        $kind = \get_debug_type($returned);
        throw new Fault('Runtime.HandlerNotFound', "File '$name.php' returned no callable, but $kind");
    }
    return $returned;
}

/** Answers invocations until the process ends; $returned is what the handler's file returned. */
function serve(mixed $returned): never
{
    $handler = find_handler(Process::$handler, $returned);
    Process::$isServing = true;
    require_once __DIR__ . '/loop.php';
    answer_all(Process::$api, $handler);
}

/** Ends the process with an error that is no invocation's. */
function give_up(\Throwable $problem): never
{
    leave_copy();
    if (Process::$isServing) {
        complain($problem instanceof ApiError ? $problem : (string) $problem);
    } else {
        require_once __DIR__ . '/report.php';
        tell_init_error(report_of($problem));
    }
    leave(UNUSABLE);
}

/** A child that the function forked has no business with the Runtime API. */
function leave_copy(): void
{
    if (\getmypid() !== Process::$pid) {
        leave(0);
    }
}

function leave(int $code): never
{
    Process::$isOver = true;
    exit($code);
}

/** Runs whenever the process ends. If nobody meant it to, and somebody waits for an answer, tells them. */
function end_process(): void
{
    if (Process::$isOver || \getmypid() !== Process::$pid) {
        return;
    }
    Process::$isOver = true;
    \ini_set('memory_limit', '-1'); // it may be why it ends
    $api = Process::$api;
    if ($api === null || (Process::$isServing && $api->invocation === null)) {
        return; // it ends between two invocations
    }
    require_once __DIR__ . '/report.php';
    $report = report_of_end(\error_get_last());
    if ($api->invocation === null) {
        tell_init_error($report);
        exit(UNUSABLE);
    }
    require_once __DIR__ . '/loop.php';
    fail($api, $api->invocation, $report);
}

function tell_init_error(Report $report): void
{
    $report->write();
    try {
        Process::$api->failInit($report);
    } catch (ApiError $error) {
        complain($error);
    }
}

/** Says something of the loop's own in the log. */
function complain(string|ApiError $text, string $level = 'ERROR'): void
{
    $text = $text instanceof ApiError ? "Runtime API: {$text->getMessage()}" : $text;
    write_log("[$level] $text\n", 2);
}

/** A variable of the environment; empty where it is not set. */
function variable(string $name): string
{
    $value = \getenv($name);
    return $value === false ? '' : $value;
}

/** Sets a variable wherever a function may look for it; null removes it. */
function set_variable(string $name, ?string $value): void
{
    if ($value === null) {
        \putenv($name);
        unset($_SERVER[$name], $_ENV[$name]);
    } else {
        \putenv("$name=$value");
        $_SERVER[$name] = $_ENV[$name] = $value;
    }
}
