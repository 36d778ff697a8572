internal import VarvePlatform

// Before any thread starts, so that all of them inherit the mask.
ProcessControl.holdSignals()
ProcessControl.raiseDescriptorLimit()
Interrupts.start()
let status = CommandLineProgram.run(Array(CommandLine.arguments.dropFirst()))
// Not `exit`: threads that still run must not meet torn-down globals.
ProcessControl.exitNow(status)
