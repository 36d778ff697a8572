import Foundation
import VarvePlatform

extension VarveServer {
    /// The sum of all samples of /metrics whose names with labels begin like that.
    func metric(beginning prefix: String) throws -> Double {
        let socket = try Socket.connect(
            Endpoint(host: "127.0.0.1", port: httpPort), timeoutMilliseconds: 1000)
        let request = ByteSlice("GET /metrics HTTP/1.1\r\nHost: varve\r\nConnection: close\r\n\r\n")
        guard try socket.write([request], from: 0) == request.count else {
            throw BenchError.failed("varve takes no request for /metrics")
        }
        var page: [UInt8] = []
        while try socket.waitReadable(timeoutMilliseconds: 5000) {
            let count = try withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 1) {
                buffer in
                let count = try socket.read(into: buffer)
                if let count { page += UnsafeRawBufferPointer(rebasing: buffer[..<count]) }
                return count
            }
            if count == 0 { break }
        }
        return String(decoding: page, as: UTF8.self).split(separator: "\n")
            .filter { $0.hasPrefix(prefix) }
            .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
            .reduce(0, +)
    }
}
