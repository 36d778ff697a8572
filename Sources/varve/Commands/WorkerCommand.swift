internal import VarveDelivery
internal import VarvePlatform

/// `varve worker NAME`: one delivery worker of the configuration, in this process.
enum WorkerCommand {
    static let statusFile = Option(
        "--status-file", value: "FILE", hidden: true, help: "report to this file every second")

    static let command = Command(
        "worker", summary: "Run one delivery worker of the configuration.",
        discussion:
            "Several workers of one name, also on other machines, share the work.\n"
            + "SIGTERM and SIGINT let it finish and commit what it has in hand.",
        operands: "NAME", operandCount: 1...1,
        options: [.bootstrap, .config, .logLevel, statusFile, .parent] + ClientTLS.options,
        run: run)

    @Sendable private static func run(_ arguments: Arguments) async throws(CommandError) {
        let name = arguments.operands[0]
        let configuration = try arguments.configuration().worker(name)
        // Batches of megabytes come and go. At most about so much is in use at once.
        ProcessControl.keepFreedMemory(upTo: configuration.inFlightBytes * 4)
        let brokers = try BrokerAddresses(arguments)
        let tls = try brokers.tls?.identity()
        let logger = try arguments.logger("worker.\(name)")
        let worker: Worker
        do throws(WorkerError) {
            worker = try Worker(
                configuration: configuration, bootstrap: brokers.endpoints, tls: tls,
                logger: logger)
        } catch {
            throw .failed("worker \(name): \(error)")
        }
        Interrupts.stopOnce { worker.stop() }
        let reporting = report(worker, to: arguments.string(statusFile), logger)
        let outcome: Result<Void, CommandError>
        do throws(WorkerError) {
            ProcessControl.unmapCodeSoon()
            outcome = .success(try await worker.run())
        } catch {
            outcome = .failure(.failed("worker \(name): \(error)"))
        }
        reporting?.cancel()
        await reporting?.value
        try outcome.get()
    }

    /// Writes the worker's status every second and once more when cancelled.
    private static func report(
        _ worker: Worker, to file: String?, _ logger: Logger
    ) -> Task<Void, Never>? {
        guard let file else { return nil }
        return Task.detached {
            let clock = SystemClock()
            var isTold = false
            repeat {
                let report = RunDirectory.WorkerReport(
                    process: ProcessControl.identifier, time: clock.wallMilliseconds(),
                    status: worker.status)
                do {
                    try RunDirectory.replace(file, with: report)
                    isTold = false
                } catch {
                    // Delivery goes on without the report; say so once, not every second.
                    if !isTold {
                        logger.warning("cannot write the status file", ["error": "\(error)"])
                    }
                    isTold = true
                }
                if Task.isCancelled { return }
                // A cancelled sleep ends early, and the loop writes the last report.
                _ = try? await Task.sleep(for: .seconds(1))
            } while true
        }
    }
}
