// Creators of pods: each is a client of its own, with a connection of its own, as 500 controllers or people are. Built by
// ../goProgram.ts with the standard library alone.
//
//	creators SERVER CA-FILE CERTIFICATE-FILE KEY-FILE PODS-FILE
//
// then on standard input, a line for each load: PREFIX NAMESPACE CREATORS SECONDS RATE. The pods are a JSON a line, in which POD_NAME
// stands for PREFIX and a number. RATE is pods a second of all creators together; 0: each makes its next pod when the one before is made.
// Answered by a line of JSON: the latency of each pod in milliseconds, and what was refused.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

type answer struct {
	Latencies []float64 `json:"latencies"`
	Refused   int64     `json:"refused"`
	Refusal   string    `json:"refusal"`
	Seconds   float64   `json:"seconds"`
}

func main() {
	server := os.Args[1]
	authority, err := os.ReadFile(os.Args[2])
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	pair, err := tls.LoadX509KeyPair(os.Args[3], os.Args[4])
	check(err)
	file, err := os.ReadFile(os.Args[5])
	check(err)
	pods := bytes.Split(bytes.TrimSpace(file), []byte("\n"))
	var clients []*http.Client
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var prefix, namespace string
		var creators int
		var seconds, rate float64
		_, err := fmt.Sscan(lines.Text(), &prefix, &namespace, &creators, &seconds, &rate)
		check(err)
		for len(clients) < creators {
			clients = append(clients, &http.Client{Transport: &http.Transport{
				TLSClientConfig:   &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}},
				ForceAttemptHTTP2: true,
			}})
		}
		url := server + "/api/v1/namespaces/" + namespace + "/pods"
		check(json.NewEncoder(os.Stdout).Encode(load(clients[:creators], server, url, prefix, pods, seconds, rate)))
	}
}

func load(clients []*http.Client, server, url, prefix string, pods [][]byte, seconds, rate float64) answer {
	connect(clients, server)
	var next, refused atomic.Int64
	var refusal atomic.Value
	latencies := make([][]float64, len(clients))
	var workers sync.WaitGroup
	begun := time.Now()
	until := begun.Add(time.Duration(seconds * float64(time.Second)))
	for nth, client := range clients {
		workers.Go(func() {
			for turn := 0; ; turn++ {
				// What comes late is measured from when it was due: a server that stalls must not make its own load lighter.
				due := time.Now()
				if rate > 0 {
					at := (float64(turn*len(clients)+nth) + 0.5) / rate
					due = begun.Add(time.Duration(at * float64(time.Second)))
				}
				if due.After(until) {
					return
				}
				time.Sleep(time.Until(due))
				number := next.Add(1)
				body := bytes.ReplaceAll(pods[int(number)%len(pods)], []byte("POD_NAME"), fmt.Appendf(nil, "%s-%d", prefix, number))
				if message := create(client, url, body); message != "" {
					refused.Add(1)
					refusal.CompareAndSwap(nil, message)
				} else {
					latencies[nth] = append(latencies[nth], float64(time.Since(due).Microseconds())/1000)
				}
			}
		})
	}
	workers.Wait()
	all := []float64{}
	for _, own := range latencies {
		all = append(all, own...)
	}
	first, _ := refusal.Load().(string)
	return answer{all, refused.Load(), first, time.Since(begun).Seconds()}
}

// connect lets each client have its connection before anything is measured.
func connect(clients []*http.Client, server string) {
	var workers sync.WaitGroup
	for _, client := range clients {
		workers.Go(func() {
			response, err := client.Get(server + "/readyz")
			check(err)
			_, err = io.Copy(io.Discard, response.Body)
			check(err)
			check(response.Body.Close())
		})
	}
	workers.Wait()
}

// create gives what was refused, or nothing.
func create(client *http.Client, url string, body []byte) string {
	response, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	text, err := io.ReadAll(response.Body)
	check(response.Body.Close())
	switch {
	case err != nil:
		return err.Error()
	case response.StatusCode != http.StatusCreated:
		return string(text)
	case len(response.Header["Warning"]) > 0:
		return response.Header.Get("Warning")
	}
	return ""
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
