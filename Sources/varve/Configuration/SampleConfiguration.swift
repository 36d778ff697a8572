package import VarvePlatform

/// What `varve init` writes: a configuration that runs as it is, with comments on what can be
/// changed.
package enum SampleConfiguration {
    /// - Parameters:
    ///   - listen: where the Kafka protocol is served.
    ///   - http: where metrics, health and status are served.
    package static func text(
        listen: Endpoint = Endpoint(host: "127.0.0.1", port: 9092),
        http: Endpoint = Endpoint(host: "127.0.0.1", port: 9644)
    ) -> String {
        """
        // The configuration of Varve: JSON5, so comments and trailing commas are fine.
        // A key that does not exist is refused, so that a slip of the pen is found at once.
        // Relative paths count from this file's directory.
        {
          // Topics and offsets live here. One broker at a time.
          dataDirectory: "data",

          // The Kafka protocol: shippers and consumers connect here. Use "0.0.0.0:9092" to be
          // reached from other machines, and say in `advertised` what they shall connect to.
          listen: "\(listen)",
          // advertised: "logs.example.org:9092",
          // For TLS add an address such as "SSL://0.0.0.0:9093" to `listen`, a list then, and name
          // in `settings` the PEM file with key and certificate: "ssl.keystore.location".
          // tls: { ca: "ca.pem" },  // how workers and commands reach a broker over TLS

          // Metrics for Prometheus (/metrics), /health and /status.
          http: "\(http)",

          // The broker's settings, by Kafka's names.
          settings: {
            "num.partitions": 1,
            "auto.create.topics.enable": true,
            // A week, counted from the time an event was appended, not from the time it claims.
            "log.retention.hours": 168,
            // "log.retention.bytes": 10737418240,
          },

          // Topics that `varve up` creates when they are not there.
          topics: [
            { name: "logs", partitions: 3 },
            // { name: "windows", partitions: 6, config: { "retention.ms": 2592000000 } },
          ],

          // Delivery workers. Each is a process and a consumer group of its own: it reads at its
          // own pace, and a sink in trouble delays nobody else.
          workers: [
            // Full-text search in an SQLite file: varve search "failed password"
            {
              name: "search",
              topics: ["logs"],
              transforms: [{ type: "parse" }, { type: "ecs" }],
              sink: { type: "sqlite", path: "search.sqlite" },
            },

            // To a SIEM: RFC 5424 syslog that carries CEF, into a file here.
            {
              name: "siem",
              topics: ["logs"],
              transforms: [{ type: "parse" }, { type: "ecs" }],
              sink: { type: "syslog", path: "siem.cef.log" },
              // Over TCP:       sink: { type: "syslog", address: "siem.example.org:514" },
              // To Splunk:      sink: { type: "splunk", url: "http://splunk:8088", token: "..." },
            },

            // To an archive: NDJSON in LZ4 frames, by topic, date, partition and offsets.
            {
              name: "archive",
              topics: ["logs"],
              sink: { type: "archive", directory: "archive" },
            },

            // To Elasticsearch or OpenSearch. What it refuses for good goes to the topic
            // "elastic.dead-letter" with the reason.
            // {
            //   name: "elastic",
            //   topics: ["logs"],
            //   transforms: [
            //     { type: "parse" }, { type: "ecs" },
            //     { type: "locality", networks: ["10.0.0.0/8", "192.168.0.0/16"] },
            //     { type: "drop", if: { field: "log.level", equals: "debug" } },
            //   ],
            //   sink: { type: "elasticsearch", url: "http://127.0.0.1:9200" },
            // },
          ],
        }

        """
    }
}
