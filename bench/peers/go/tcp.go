package main

import (
	"io"
	"net"
	"sync"
	"time"
)

const messageBytes = 16

// tcpPingPong: n rounds in all, over so many connections to a server in this process.
func tcpPingPong(connections int) Work {
	return func(n int) (int, time.Duration, error) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, 0, err
		}
		defer listener.Close()
		go acceptAll(listener)
		clients := make([]net.Conn, connections)
		for i := range clients {
			if clients[i], err = net.Dial("tcp", listener.Addr().String()); err != nil {
				return 0, 0, err
			}
			defer clients[i].Close()
		}
		failures := make(chan error, connections)
		var played sync.WaitGroup
		start := time.Now()
		for _, client := range clients {
			played.Add(1)
			go func(client net.Conn) {
				defer played.Done()
				if err := play(client, n/connections); err != nil {
					failures <- err
				}
			}(client)
		}
		played.Wait()
		took := time.Since(start)
		close(failures)
		return n / connections * connections, took, <-failures
	}
}

func acceptAll(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go echo(connection)
	}
}

func echo(connection net.Conn) {
	defer connection.Close()
	var message [messageBytes]byte
	for {
		if _, err := io.ReadFull(connection, message[:]); err != nil {
			return
		}
		if _, err := connection.Write(message[:]); err != nil {
			return
		}
	}
}

func play(connection net.Conn, rounds int) error {
	var message [messageBytes]byte
	for i := 0; i < rounds; i++ {
		if _, err := connection.Write(message[:]); err != nil {
			return err
		}
		if _, err := io.ReadFull(connection, message[:]); err != nil {
			return err
		}
	}
	return nil
}
