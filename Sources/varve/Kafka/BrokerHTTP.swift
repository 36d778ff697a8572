internal import FoundationEssentials
internal import VarvePlatform

extension Option {
    static let http = Option(
        "--http", value: "HOST:PORT",
        help: "the broker's HTTP port; otherwise the configuration's, otherwise 127.0.0.1:9644")
}

/// The HTTP port of a Varve broker, as the commands ask it.
struct BrokerHTTP {
    let endpoint: Endpoint

    init(endpoint: Endpoint) { self.endpoint = endpoint }

    init(_ arguments: Arguments) throws(CommandError) {
        if let endpoint = try arguments.endpoint(.http) {
            self.endpoint = endpoint.reachable
        } else if let configuration = try arguments.configurationIfAny() {
            guard let endpoint = configuration.http.flatMap({ Endpoint($0) }) else {
                throw .failed("\(configuration.path) switches HTTP off, which this command needs")
            }
            self.endpoint = endpoint.reachable
        } else {
            endpoint = Endpoint(host: "127.0.0.1", port: 9644)
        }
    }

    func get<Value: Decodable>(_ path: String, as type: Value.Type) throws(CommandError) -> Value {
        try ask("GET", path, type)
    }

    func post<Value: Decodable>(_ path: String, as type: Value.Type) throws(CommandError) -> Value {
        try ask("POST", path, type)
    }

    private func ask<Value: Decodable>(
        _ method: String, _ path: String, _ type: Value.Type
    ) throws(CommandError) -> Value {
        let response: LocalHTTP.Response
        do throws(SystemError) {
            response = try LocalHTTP.request(method, endpoint, path)
        } catch {
            throw .failed("no answer from the broker's HTTP port at \(endpoint): \(error)")
        }
        guard response.status == 200 else {
            throw .failed(
                "\(endpoint)\(path) answered \(response.status): \(response.body.string.inOneLine)")
        }
        do {
            return try JSONDecoder().decode(
                type, from: response.body.withUnsafeBytes { Data($0) })
        } catch {
            throw .failed("\(endpoint)\(path) is not a Varve broker's answer: \(error)")
        }
    }
}
