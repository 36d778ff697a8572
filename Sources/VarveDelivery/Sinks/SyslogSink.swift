package import VarvePlatform

/// Delivers RFC 5424 messages with CEF: octet counted over TCP (RFC 6587) or TLS (RFC 5425), or a
/// line each into a file.
///
/// Over TCP and TLS syslog has no acknowledgement. `delivered` is said when the receiver's machine
/// has acknowledged every byte of the batch and has not closed the connection; what that machine
/// loses afterwards, nobody learns. A batch that breaks off is sent again whole, so messages may
/// come twice; `externalId` tells (D4). Into a file, `delivered` is said after fdatasync.
package final class SyslogSink: Sink {
    private let message: SyslogMessage
    private let isOctetCounted: Bool
    private let output: Lock<SyslogOutput>
    private let work = BlockingWork("syslog")

    package init(_ configuration: SyslogConfiguration, disk: any Disk) {
        message = SyslogMessage(configuration)
        switch configuration.destination {
        case .tcp(let endpoint):
            isOctetCounted = true
            output = Lock(
                .tcp(
                    SyslogConnection(
                        endpoint, tls: configuration.tls,
                        timeoutMilliseconds: configuration.timeoutMilliseconds)))
        case .file(let path):
            isOctetCounted = false
            output = Lock(.file(SyslogFile(path: path, disk: disk)))
        }
    }

    package func deliver(_ batch: [Event]) async -> [Verdict] {
        await work.run { [self] in
            var bytes = ByteWriter(capacity: batch.count * 512)
            for event in batch {
                if isOctetCounted {
                    bytes.bytes(message.octetCounted(event))
                } else {
                    bytes.bytes(message.text(event))
                    bytes.uint8(0x0A)
                }
            }
            let text = bytes.finish()
            let verdict = output.withLock { output -> Verdict in
                switch output {
                case .tcp(let connection): return Self.send(text, over: connection)
                case .file(let file): return Self.append(text, to: file)
                }
            }
            return batch.map { _ in verdict }
        }
    }

    private static func send(_ text: ByteSlice, over connection: SyslogConnection) -> Verdict {
        do throws(TLSError) {
            try connection.send(text)
            return .delivered
        } catch {
            // Somebody has to mend a certificate, at this end or the other.
            return error.isRetriable ? .retry("\(error)") : .pause("\(error)")
        }
    }

    private static func append(_ text: ByteSlice, to file: SyslogFile) -> Verdict {
        do throws(SystemError) {
            try file.append(text)
            return .delivered
        } catch {
            return error.isRefused ? .pause("\(error)") : .retry("\(error)")
        }
    }

    package func close() async {
        await work.run { [output] in
            output.withLock { output in
                switch output {
                case .tcp(let connection): connection.close()
                case .file(let file): file.close()
                }
            }
        }
    }
}

/// Where messages go; behind the sink's lock.
private enum SyslogOutput {
    case tcp(SyslogConnection)
    case file(SyslogFile)
}
