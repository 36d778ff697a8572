// Package events is how the tests and the Go clients tell each other of events: a line each,
//
//	PARTITION OFFSET TIMESTAMP KEY VALUE HEADERS
//
// with keys and values as "x" and hexadecimal digits, "-" for null, headers as NAME=VALUE with
// commas between (both in hexadecimal) or "-" for none, and timestamps in milliseconds since 1970,
// -1 where the client chooses.
package events

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

type Header struct {
	Name  string
	Value []byte
}

type Event struct {
	Partition int32
	Offset    int64
	Timestamp int64
	Key       []byte
	Value     []byte
	Headers   []Header
}

// Time is zero where the client chooses.
func (e Event) Time() time.Time {
	if e.Timestamp < 0 {
		return time.Time{}
	}
	return time.UnixMilli(e.Timestamp)
}

func write(bytes []byte) string {
	if bytes == nil {
		return "-"
	}
	return "x" + hex.EncodeToString(bytes)
}

func read(text string) []byte {
	if text == "-" {
		return nil
	}
	bytes, err := hex.DecodeString(text[1:])
	Check(err)
	if bytes == nil {
		return []byte{}
	}
	return bytes
}

// Read takes all events from the standard input.
func Read() []Event {
	var all []Event
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e Event
		var key, value, headers string
		_, err := fmt.Sscan(
			lines.Text(), &e.Partition, &e.Offset, &e.Timestamp, &key, &value, &headers)
		Check(err)
		e.Key, e.Value = read(key), read(value)
		if headers != "-" {
			for _, header := range strings.Split(headers, ",") {
				name, content, _ := strings.Cut(header, "=")
				e.Headers = append(e.Headers, Header{string(read(name)), read(content)})
			}
		}
		all = append(all, e)
	}
	Check(lines.Err())
	return all
}

var output = bufio.NewWriter(os.Stdout)
var lock sync.Mutex

// Write puts an event out.
func Write(e Event) {
	headers := make([]string, 0, len(e.Headers))
	for _, header := range e.Headers {
		headers = append(headers, write([]byte(header.Name))+"="+write(header.Value))
	}
	all := strings.Join(headers, ",")
	if all == "" {
		all = "-"
	}
	lock.Lock()
	defer lock.Unlock()
	fmt.Fprintf(output, "%d %d %d %s %s %s\n",
		e.Partition, e.Offset, e.Timestamp, write(e.Key), write(e.Value), all)
}

// Flush is to be called at the end.
func Flush() { output.Flush() }

// Say puts a line out at once, as the members of groups do.
func Say(words ...any) {
	lock.Lock()
	defer lock.Unlock()
	fmt.Fprintln(output, words...)
	output.Flush()
}

// Report puts the outcome out as one line of JSON, at the program's end.
func Report(outcome map[string]any) {
	text, err := json.Marshal(outcome)
	Check(err)
	Say(string(text))
}

// Check ends the program where there is an error.
func Check(err error) {
	if err != nil {
		output.Flush()
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
