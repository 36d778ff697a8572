internal import Foundation

/// A certificate authority of a test's own, made with the openssl command in a directory that goes
/// with it. Keys are on P-256: making one takes a millisecond.
package final class TestAuthority: Sendable {
    /// A certificate and its key, each a PEM file.
    package struct Leaf: Sendable {
        package let certificate: String
        package let key: String
    }

    package let directory: String
    private let name: String

    /// The authority's own certificate, a PEM file.
    package var certificate: String { "\(directory)/ca.pem" }

    package init(_ name: String = "Test Authority") throws {
        self.name = name
        directory = NSTemporaryDirectory() + "varve-tls-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        try run(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=\(name)", "-days", "2")
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: directory) } catch {
            print("left behind: \(directory): \(error)")
        }
    }

    /// Signs a certificate named `name`.
    /// - Parameter subject: as openssl's -subj takes it, the outermost part first.
    /// - Parameter names: as openssl writes subjectAltName.
    /// - Parameter days: until it ends; below 0 it has ended.
    /// - Parameter password: encrypts the key with it.
    package func leaf(
        _ name: String, subject: String? = nil,
        names: String = "DNS:localhost,IP:127.0.0.1", days: Int = 2, password: String? = nil
    ) throws -> Leaf {
        try run(
            ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
                + (password.map { ["-passout", "pass:\($0)"] } ?? ["-nodes"])
                + ["-keyout", "\(name).key", "-out", "\(name).csr", "-utf8"]
                + ["-subj", subject ?? "/CN=\(name)"])
        try "subjectAltName=\(names)\nbasicConstraints=critical,CA:FALSE\n".write(
            toFile: "\(directory)/\(name).ext", atomically: true, encoding: .utf8)
        try run(
            "x509", "-req", "-in", "\(name).csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-days", "\(days)", "-extfile", "\(name).ext", "-out", "\(name).pem")
        return Leaf(
            certificate: "\(directory)/\(name).pem", key: "\(directory)/\(name).key")
    }

    private func run(_ arguments: String...) throws { try run(arguments) }

    private func run(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        // A file and no pipe: Foundation's reading of a pipe traps when a signal (a child's end)
        // interrupts it.
        let log = "\(directory)/\(UUID().uuidString).log"
        try "".write(toFile: log, atomically: false, encoding: .utf8)
        process.standardError = FileHandle(forWritingAtPath: log)
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw TestAuthorityError(
                text: "openssl \(arguments[0]): "
                    + (try String(contentsOfFile: log, encoding: .utf8)))
        }
    }
}

package struct TestAuthorityError: Error, CustomStringConvertible {
    let text: String
    package var description: String { text }
}
