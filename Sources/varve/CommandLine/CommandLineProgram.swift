internal import VarvePlatform

/// The whole of `varve`: from the words of the command line to the exit status.
package enum CommandLineProgram {
    /// Every command, in the order of `varve --help`.
    package static let commands: [Command] =
        [UpCommand.command, BrokerCommand.command, WorkerCommand.command, InitCommand.command]
        + [StatusCommand.command]
        + TopicCommands.commands
        + [ProduceCommand.command, ConsumeCommand.command]
        + GroupCommands.commands
        + RetentionCommands.commands
        + LogCommands.commands
        + [ReplayCommand.command, SearchCommand.command, VersionCommand.command]

    /// Runs the command that `words` name and returns the exit status: 0, 1 or 2. Blocks the
    /// calling thread until the command is done.
    package static func run(_ words: [String]) -> Int32 {
        do throws(CommandError) {
            switch try ArgumentParser.parse(words, commands: commands) {
            case .help(let path):
                Output.standard.write(HelpText.text(path, commands: commands))
            case .run(let command, let arguments):
                ProcessControl.setName("varve-\(command.path[0])")
                try runBlocking(command, arguments)
            }
            Output.standard.flush()
            return 0
        } catch {
            Output.standard.flush()
            Output.error("varve: \(error.message)")
            return error.status
        }
    }

    private static func runBlocking(
        _ command: Command, _ arguments: Arguments
    ) throws(CommandError) {
        // Here and not in the command: it must be asked for on a thread that stays.
        try arguments.endWithParent()
        let result: Result<Void, CommandError> = Blocking.wait {
            do throws(CommandError) {
                return .success(try await command.run(arguments))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }
}

extension Arguments {
    /// Where `--end-with-parent` was given: this process gets SIGTERM when that parent ends, and
    /// does not go on when it has ended already.
    func endWithParent() throws(CommandError) {
        guard let parent = try integer(.parent, in: 1...Int64(Int32.max)) else { return }
        guard ProcessControl.endWithParent(Int32(parent)) else {
            throw .failed("the process that started this one has ended")
        }
    }
}
