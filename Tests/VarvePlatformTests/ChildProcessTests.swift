import Testing
import VarvePlatform

@Suite struct ChildProcessTests {
    @Test func exitStatusComesBack() throws {
        let child = try ChildProcess.start("/bin/sh", ["-c", "exit 7"])
        #expect(child.wait() == .exited(7))
    }

    @Test func signalComesBackAsSuch() throws {
        let child = try ChildProcess.start("/bin/sleep", ["20"])
        #expect(child.send(ProcessControl.terminate))
        #expect(child.wait() == .killed(signal: ProcessControl.terminate))
    }

    @Test func nothingIsSentToAProcessThatHasEnded() throws {
        let child = try ChildProcess.start("/bin/true", [])
        #expect(child.wait().isSuccess)
        #expect(!child.send(ProcessControl.kill))
    }

    @Test func missingProgramIsAnErrorWithItsPath() {
        #expect {
            try ChildProcess.start("/nonexistent/program", [])
        } throws: { error in
            (error as? SystemError)?.subject == "/nonexistent/program"
                && (error as? SystemError)?.isMissing == true
        }
    }

    /// A child must not inherit that its parent holds signals back: it could not be ended.
    @Test func childrenOfAThreadThatHoldsSignalsHearThem() throws {
        let ending = Lock<ChildProcess.Ending?>(nil)
        let thread = NamedThread("holder") {
            ProcessControl.holdSignals()
            let child = try? ChildProcess.start("/bin/sleep", ["20"])
            child?.send(ProcessControl.terminate)
            ending.withLock { $0 = child?.wait() }
        }
        thread.join()
        #expect(ending.withLock { $0 } == .killed(signal: ProcessControl.terminate))
    }
}
