<?php
// WebDialer as a PHP program calls it. Arguments: base URL, service name, action.
[, $base, $service, $action] = $argv;
ini_set('soap.wsdl_cache_enabled', '0');
$client = new SoapClient("$base/webdialer/services/$service?wsdl", ['features' => SOAP_SINGLE_ELEMENT_ARRAYS]);
$literal = $service === 'webdialer';

$bill = ['userID' => 'bill', 'password' => '123'];
$profile = [
    'user' => 'bill', 'deviceName' => 'SEPE8B7480316D6', 'lineNumber' => '1000 ; no partition',
    'supportEM' => false, 'locale' => '', 'dontAutoClose' => false, 'dontShowCallConf' => false,
];

// Document/literal services take one structure of all arguments, rpc services take them one by one.
$call = function (string $operation, ...$arguments) use ($client, $literal) {
    if (!$literal) {
        return $client->__soapCall($operation, $arguments);
    }
    $named = [];
    foreach ($arguments as $index => $argument) {
        $named["args$index"] = $argument;
    }
    return $client->__soapCall($operation, [$named])->return;
};

if ($action === 'call') {
    $made = $call('makeCallSoap', $bill, '5550100', $profile);
    $result = ['make' => $made->responseCode, 'text' => $made->responseDescription];
} elseif ($action === 'end') {
    $result = ['end' => $call('endCallSoap', $bill, $profile)->responseCode];
} else {
    $short = $call('getProfileSoap', $bill, 'bill');
    $long = $call('getProfileDetailSoap', $bill);
    $result = ['profile' => [], 'detail' => []];
    foreach ($short->deviceInfoList as $device) {
        $result['profile'][$device->deviceName] = (array) $device->lines;
    }
    foreach ($long->deviceInfoListDetail as $device) {
        $result['detail'][$device->deviceName] = [(array) $device->lines, (string) $device->phoneDesc, $device->phoneType];
    }
    $result['primary'] = $call('getPrimaryLine', $bill);
    $result['bill'] = $call('isClusterUserSoap', 'bill');
    $result['nobody'] = $call('isClusterUserSoap', 'nobody');
    $result['wrong'] = $call('getProfileDetailSoap', ['userID' => 'bill', 'password' => 'wrong'])->responseCode;
}
echo json_encode($result), "\n";
